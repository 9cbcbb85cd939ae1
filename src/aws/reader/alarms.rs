//! Alarms, for rollouts that ask for them.

use super::super::direct::encoded;
use super::super::xml;
use super::{Call, Category, Exchange, Reader};
use crate::aws::{ALARMS_MAX, Error, ErrorKind};
use crate::model::Json;

impl Reader {
    /// The alarms among at most [`ALARMS_MAX`] names that are there, as DescribeAlarms has them; all values
    /// are text.
    pub async fn describe_alarms(&self, names: &[&str]) -> Result<Vec<Json>, Error> {
        let call = Call::new("cloudwatch:DescribeAlarms", Category::Other, "read alarms");
        // Left out, composite alarms are not told.
        let mut form = format!(
            "Action=DescribeAlarms&Version=2010-08-01&MaxRecords={ALARMS_MAX}\
             &AlarmTypes.member.1=MetricAlarm&AlarmTypes.member.2=CompositeAlarm"
        );
        for (number, name) in (1..).zip(names.iter().take(ALARMS_MAX)) {
            form.push_str(&format!("&AlarmNames.member.{number}={}", encoded(name, "")));
        }
        let exchange = Exchange::with_form(form);
        let request = self.clients.alarms.get_caller_identity().customize().interceptor(exchange.clone());
        let text = self.line.text(&call, exchange, request.send()).await?;
        let answer = xml::to_json(&text).ok_or_else(|| Error {
            operation: call.operation,
            kind: ErrorKind::Server,
            code: None,
            message: "an answer that can't be read".to_owned(),
            request_id: None,
            region: self.line.region().into(),
            attempt: call.attempt.as_str().into(),
        })?;
        let lists = ["MetricAlarms", "CompositeAlarms"];
        let lists = lists.into_iter().map(|list| &answer["DescribeAlarmsResult"][list]);
        Ok(lists.filter_map(Json::as_array).flatten().cloned().collect())
    }
}
