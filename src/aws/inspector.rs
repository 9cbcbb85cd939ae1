//! The calls of `verify`: what manifests refer to outside of ECS. This list of methods is its IAM policy.

use serde_json::json;

use super::anywhere::{Anywhere, PAGES_MAX, list};
use super::budget::Category;
use super::call::Call;
use super::direct::{Direct, Place, Question, encoded};
use super::reader::images::MEDIA_TYPES;
use super::secret_shape::{SecretShape, shape_of};
use super::{Error, ErrorKind};
use crate::model::{Json, Repository};

/// May read what services stand on, and nothing else.
#[derive(Clone, Debug)]
pub struct Inspector {
    calls: Anywhere,
}

/// Most images per BatchGetImage.
pub const IMAGES_MAX: usize = 100;
/// Most target groups per DescribeTargetGroups: a page has 400, the URL of a load balancer has room for fewer.
pub const TARGET_GROUPS_MAX: usize = 20;
/// Most values of a filter of EC2, and fewer than a page has.
pub const FILTER_VALUES_MAX: usize = 200;
/// Most alarms per DescribeAlarms.
pub const ALARMS_MAX: usize = 100;

const ACTIONS: [&str; 17] = [
    "cloudwatch:DescribeAlarms",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ecr:BatchGetImage",
    "ecs:DescribeClusters",
    "elasticfilesystem:DescribeFileSystems",
    "elasticloadbalancing:DescribeTargetGroups",
    "iam:GetRole",
    "logs:DescribeLogGroups",
    "s3:GetObject",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "servicediscovery:GetService",
    "servicediscovery:ListNamespaces",
    "ssm:DescribeParameters",
    "sts:GetCallerIdentity",
];

impl Inspector {
    /// IAM actions of these methods, sorted, with the one that every verb begins with.
    pub const ACTIONS: [&str; 17] = ACTIONS;

    pub(super) fn new(calls: Anywhere) -> Self {
        Self { calls }
    }

    /// Calls made so far over this connection.
    pub fn calls(&self) -> u64 {
        self.calls.made()
    }

    /// GetRole's `Role`, with its trust policy as JSON.
    pub async fn role(&self, name: &str) -> Result<Json, Error> {
        let call = Call::new("iam:GetRole", Category::Roles, format!("read role `{name}`"));
        let parameters = vec![("RoleName".to_owned(), name.to_owned())];
        let place = Place::iam(&self.calls.region, self.calls.endpoint.as_deref());
        let mut answer = self.calls.xml(&call, place, "2010-05-08", "GetRole", parameters).await?;
        let mut role = answer["GetRoleResult"]["Role"].take();
        // IAM percent-encodes the document.
        let document = role["AssumeRolePolicyDocument"].as_str().map(decoded).unwrap_or_default();
        role["AssumeRolePolicyDocument"] = serde_json::from_str(&document).unwrap_or_default();
        Ok(role)
    }

    /// DescribeClusters' answer for one cluster; `None` where there is none.
    pub async fn cluster(&self, name: &str) -> Result<Option<Json>, Error> {
        let call = Call::new(
            "ecs:DescribeClusters",
            Category::ClusterResourceRead,
            format!("read cluster `{name}`"),
        );
        let target = "AmazonEC2ContainerServiceV20141113.DescribeClusters";
        let body = json!({"clusters": [name]});
        let mut answer = self.calls.json(&call, self.calls.place("ecs", "ecs"), target, body).await?;
        Ok(list(&mut answer["clusters"]).into_iter().next())
    }

    /// BatchGetImage of at most [`IMAGES_MAX`] references (`{imageTag}` or `{imageDigest}`): `{images, failures}`.
    pub async fn images(&self, repository: &Repository, ids: &[Json]) -> Result<Json, Error> {
        let name = &repository.name;
        let attempt = format!("read images of repository `{name}`");
        let call = Call::new("ecr:BatchGetImage", Category::Other, attempt);
        let body = json!({
            "registryId": repository.account, "repositoryName": name, "imageIds": ids,
            "acceptedMediaTypes": MEDIA_TYPES,
        });
        let place = Place::regional("api.ecr", "ecr", &repository.region, self.calls.endpoint.as_deref());
        self.calls.json(&call, place, "AmazonEC2ContainerRegistry_V20150921.BatchGetImage", body).await
    }

    /// DescribeSecret's answer: no value is in it.
    pub async fn secret(&self, region: &str, id: &str) -> Result<Json, Error> {
        self.calls.describe_secret(region, id).await
    }

    /// The names of the members of a secret's JSON. Its value is read for this, and overwritten before
    /// this returns; no error of this call holds any of it.
    pub async fn secret_shape(
        &self,
        region: &str,
        id: &str,
        stage: Option<&str>,
        version: Option<&str>,
    ) -> Result<SecretShape, Error> {
        let attempt = format!("read the keys of secret `{id}`");
        let call = Call::new("secretsmanager:GetSecretValue", Category::Secrets, attempt);
        let mut body = json!({"SecretId": id});
        for (member, value) in [("VersionStage", stage), ("VersionId", version)] {
            if let Some(value) = value {
                body[member] = value.into();
            }
        }
        let question = Question::Json("secretsmanager.GetSecretValue", body);
        let direct = self.calls.ask(&call, self.calls.secrets_manager(region), question).await?;
        shape_of(&direct.body()).ok_or_else(|| self.calls.unreadable(&call))
    }

    /// Metadata of at most [`DESCRIBED_PARAMETERS_MAX`] parameters of Parameter Store, those that are there; no values.
    pub async fn parameters(&self, region: &str, names: &[String]) -> Result<Vec<Json>, Error> {
        self.calls.describe_parameters(region, names).await
    }

    /// Whether a log group of this name is there.
    pub async fn has_log_group(&self, region: &str, name: &str) -> Result<bool, Error> {
        let call =
            Call::new("logs:DescribeLogGroups", Category::Other, format!("look for log group `{name}`"));
        // Groups are sorted by name, and of all names that begin with it, it is the first itself.
        let body = json!({"logGroupNamePrefix": name, "limit": 1});
        let place = Place::regional("logs", "logs", region, self.calls.endpoint.as_deref());
        let answer = self.calls.json(&call, place, "Logs_20140328.DescribeLogGroups", body).await?;
        Ok(answer["logGroups"][0]["logGroupName"] == name)
    }

    /// HeadObject. Without s3:ListBucket, S3 answers 403 for what is not there, too.
    pub async fn has_object(&self, bucket: &str, key: &str) -> Result<bool, Error> {
        let call = Call::new("s3:GetObject", Category::Other, format!("look for s3://{bucket}/{key}"));
        let path = format!("/{}/{}", encoded(bucket, ""), encoded(key, "/"));
        let mut region = self.calls.region.clone();
        loop {
            let place = Place::regional("s3", "s3", &region, self.calls.endpoint.as_deref());
            let direct = Direct::new(Question::Head(path.clone()));
            let Err(error) = self.calls.send(&call, place, &direct).await else { return Ok(true) };
            match (error.kind, error.code.as_deref(), direct.bucket_region()) {
                (ErrorKind::NotFound, ..) => return Ok(false),
                (_, Some("PermanentRedirect"), Some(home)) if home != region => region = home,
                _ => return Err(error),
            }
        }
    }

    /// The element of DescribeFileSystems for one file system of EFS.
    pub async fn file_system(&self, id: &str) -> Result<Json, Error> {
        let attempt = format!("read file system `{id}`");
        let call = Call::new("elasticfilesystem:DescribeFileSystems", Category::Other, attempt);
        let question = Question::Get(format!("/2015-02-01/file-systems?FileSystemId={}", encoded(id, "")));
        let direct = self
            .calls
            .ask(&call, self.calls.place("elasticfilesystem", "elasticfilesystem"), question)
            .await?;
        let answer: Result<Json, _> = serde_json::from_slice(&direct.body());
        let found = answer.ok().and_then(|mut answer| list(&mut answer["FileSystems"]).into_iter().next());
        found.ok_or_else(|| self.calls.unreadable(&call))
    }

    /// Of at most [`TARGET_GROUPS_MAX`]. One that is not there fails the whole call.
    pub async fn target_groups(&self, arns: &[String]) -> Result<Vec<Json>, Error> {
        let call = Call::new(
            "elasticloadbalancing:DescribeTargetGroups",
            Category::LoadBalancerRead,
            "read target groups",
        );
        let parameters = numbered("TargetGroupArns.member", arns);
        let place = self.calls.place("elasticloadbalancing", "elasticloadbalancing");
        let mut answer =
            self.calls.xml(&call, place, "2015-12-01", "DescribeTargetGroups", parameters).await?;
        Ok(list(&mut answer["DescribeTargetGroupsResult"]["TargetGroups"]))
    }

    /// The subnets among at most [`FILTER_VALUES_MAX`] ids that are there.
    pub async fn subnets(&self, ids: &[String]) -> Result<Vec<Json>, Error> {
        let call = Call::new("ec2:DescribeSubnets", Category::Network, "read subnets");
        let mut answer = self.ec2(&call, "DescribeSubnets", filter("subnet-id", ids)).await?;
        Ok(list(&mut answer["subnetSet"]))
    }

    /// The security groups among at most [`FILTER_VALUES_MAX`] ids that are there.
    pub async fn security_groups(&self, ids: &[String]) -> Result<Vec<Json>, Error> {
        let call = Call::new("ec2:DescribeSecurityGroups", Category::Network, "read security groups");
        let mut answer = self.ec2(&call, "DescribeSecurityGroups", filter("group-id", ids)).await?;
        Ok(list(&mut answer["securityGroupInfo"]))
    }

    /// The route tables of at most [`FILTER_VALUES_MAX`] VPCs.
    pub async fn route_tables(&self, vpcs: &[String]) -> Result<Vec<Json>, Error> {
        let call = Call::new("ec2:DescribeRouteTables", Category::Network, "read route tables");
        let mut tables = Vec::new();
        let mut parameters = filter("vpc-id", vpcs);
        for _ in 0..PAGES_MAX {
            let mut answer = self.ec2(&call, "DescribeRouteTables", parameters.clone()).await?;
            tables.extend(list(&mut answer["routeTableSet"]));
            let Some(token) = answer["nextToken"].as_str().filter(|token| !token.is_empty()) else { break };
            parameters = filter("vpc-id", vpcs);
            parameters.push(("NextToken".to_owned(), token.to_owned()));
        }
        Ok(tables)
    }

    /// All Cloud Map namespaces of the account.
    pub async fn namespaces(&self) -> Result<Vec<Json>, Error> {
        let call = Call::new("servicediscovery:ListNamespaces", Category::Other, "list Cloud Map namespaces");
        let mut body = json!({"MaxResults": 100});
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let target = "Route53AutoNaming_v20170314.ListNamespaces";
            let mut answer = self.calls.json(&call, self.cloud_map(), target, body.clone()).await?;
            found.extend(list(&mut answer["Namespaces"]));
            match answer["NextToken"].as_str() {
                Some(token) if !token.is_empty() => body["NextToken"] = token.into(),
                Some(_) | None => break,
            }
        }
        Ok(found)
    }

    /// GetService's `Service` of Cloud Map.
    pub async fn registry(&self, id: &str) -> Result<Json, Error> {
        let attempt = format!("read Cloud Map service `{id}`");
        let call = Call::new("servicediscovery:GetService", Category::Other, attempt);
        let target = "Route53AutoNaming_v20170314.GetService";
        let mut answer = self.calls.json(&call, self.cloud_map(), target, json!({"Id": id})).await?;
        Ok(answer["Service"].take())
    }

    /// The names of the alarms among at most [`ALARMS_MAX`] that are there.
    pub async fn alarms(&self, names: &[String]) -> Result<Vec<String>, Error> {
        let call = Call::new("cloudwatch:DescribeAlarms", Category::Other, "read alarms");
        let mut parameters = numbered("AlarmNames.member", names);
        for (number, kind) in (1..).zip(["MetricAlarm", "CompositeAlarm"]) {
            parameters.push((format!("AlarmTypes.member.{number}"), kind.to_owned()));
        }
        parameters.push(("MaxRecords".to_owned(), ALARMS_MAX.to_string()));
        let place = self.calls.place("monitoring", "monitoring");
        let answer = self.calls.xml(&call, place, "2010-08-01", "DescribeAlarms", parameters).await?;
        let alarms = ["MetricAlarms", "CompositeAlarms"]
            .into_iter()
            .filter_map(|list| answer["DescribeAlarmsResult"][list].as_array())
            .flatten();
        Ok(alarms.filter_map(|alarm| alarm["AlarmName"].as_str()).map(str::to_owned).collect())
    }

    fn cloud_map(&self) -> Place {
        self.calls.place("servicediscovery", "servicediscovery")
    }

    async fn ec2(
        &self,
        call: &Call,
        action: &'static str,
        parameters: Vec<(String, String)>,
    ) -> Result<Json, Error> {
        self.calls.xml(call, self.calls.place("ec2", "ec2"), "2016-11-15", action, parameters).await
    }
}

/// `Filter.1.Name` and its values, as EC2 takes them: what is not there is left out of the answer, where a
/// list of ids would fail the call.
fn filter(name: &str, values: &[String]) -> Vec<(String, String)> {
    let mut parameters = vec![("Filter.1.Name".to_owned(), name.to_owned())];
    parameters.extend(numbered("Filter.1.Value", values));
    parameters
}

fn numbered(name: &str, values: &[String]) -> Vec<(String, String)> {
    (1..).zip(values).map(|(number, value)| (format!("{name}.{number}"), value.clone())).collect()
}

/// Undoes percent-encoding; what is not encoded stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_policy_is_decoded() {
        assert_eq!(decoded("%7B%22a%22%3A%22b+c%20%C3%A9%22%7D"), r#"{"a":"b+c é"}"#);
        assert_eq!(decoded("100%"), "100%");
    }

    #[test]
    fn a_filter_is_numbered_as_ec2_takes_it() {
        let parameters = filter("subnet-id", &["subnet-1".to_owned(), "subnet-2".to_owned()]);
        let shown: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            shown,
            ["Filter.1.Name=subnet-id", "Filter.1.Value.1=subnet-1", "Filter.1.Value.2=subnet-2"]
        );
    }
}
