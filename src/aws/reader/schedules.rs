//! Schedules of EventBridge Scheduler, and the groups they are in.

use super::{Pages, Reader, list};
use crate::aws::Error;
use crate::aws::budget::Category;
use crate::aws::call::Call;
use crate::aws::exchange::Exchange;
use crate::model::Json;

/// Most schedules per ListSchedules.
const SCHEDULES_A_PAGE: i32 = 100;
/// A group that holds more than this many pages of schedules is not one of ours.
const SCHEDULE_PAGES_MAX: usize = 20;

/// Makes a call that has all it asks for in its URL: GET of a REST service.
macro_rules! ask {
    ($self:ident, $call:expr, $request:expr) => {{
        let exchange = Exchange::without_body();
        let request = $request.customize().interceptor(exchange.clone());
        $self.line.exchange(&$call, exchange, request.send()).await.map(|answer| answer.body)
    }};
}

impl Reader {
    /// GetSchedule's answer.
    pub async fn get_schedule(&self, group: &str, name: &str) -> Result<Json, Error> {
        let attempt = format!("read schedule `{name}` of group `{group}`");
        let call = Call::new("scheduler:GetSchedule", Category::Schedules, attempt);
        ask!(self, call, self.clients.scheduler.get_schedule().group_name(group).name(name))
    }

    /// The elements of ListSchedules `Schedules[]`: no expression and no target's parameters, but when
    /// each was modified last.
    pub async fn list_schedules(&self, group: &str) -> Result<Pages, Error> {
        let mut pages = Pages::default();
        let mut tokens: Vec<String> = Vec::new();
        for _ in 0..SCHEDULE_PAGES_MAX {
            let attempt = format!("list the schedules of group `{group}`");
            let call = Call::new("scheduler:ListSchedules", Category::Schedules, attempt);
            let request = self.clients.scheduler.list_schedules().group_name(group);
            let request = request.max_results(SCHEDULES_A_PAGE).set_next_token(tokens.last().cloned());
            let mut answer = ask!(self, call, request)?;
            pages.items.extend(list(&mut answer["Schedules"]));
            let token = answer["NextToken"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
            let Some(token) = token else {
                pages.complete = true;
                break;
            };
            // A server that hands out the same token again would keep us here for ever.
            if tokens.contains(&token) {
                break;
            }
            tokens.push(token);
        }
        Ok(pages)
    }

    /// GetScheduleGroup's answer.
    pub async fn get_schedule_group(&self, name: &str) -> Result<Json, Error> {
        let attempt = format!("read schedule group `{name}`");
        let call = Call::new("scheduler:GetScheduleGroup", Category::Schedules, attempt);
        ask!(self, call, self.clients.scheduler.get_schedule_group().name(name))
    }

    /// `{Tags: [{Key, Value}]}` of a schedule group.
    pub async fn list_schedule_group_tags(&self, arn: &str) -> Result<Json, Error> {
        let attempt = format!("read the tags of schedule group `{arn}`");
        let call = Call::new("scheduler:ListTagsForResource", Category::Schedules, attempt);
        ask!(self, call, self.clients.scheduler.list_tags_for_resource().resource_arn(arn))
    }
}
