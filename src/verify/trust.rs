//! Whether a role's trust policy lets a service of AWS assume it.

use super::reference::fits;
use super::texts;
use crate::model::Json;

/// Who assumes a role.
pub(super) struct Assumer<'a> {
    /// `ecs-tasks.amazonaws.com`
    pub(super) principal: &'a str,
    pub(super) account: &'a str,
    /// What the service says that it acts for.
    pub(super) source_arn: String,
}

/// What a trust policy comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    Granted,
    /// Nothing in it names the service.
    Missing,
    /// It names the service, but for another account or another source.
    Condition(String),
    /// It depends on something that is not known here.
    Unclear(String),
}

/// Judges a policy. What it does not understand is unclear and never refused.
pub(super) fn judge(policy: &Json, assumer: &Assumer<'_>) -> Trust {
    let statements: Vec<&Json> = match &policy["Statement"] {
        Json::Array(list) => list.iter().collect(),
        Json::Object(_) => vec![&policy["Statement"]],
        _ => return Trust::Unclear("its trust policy can't be read".to_owned()),
    };
    let mut best = Trust::Missing;
    for statement in statements {
        let found = of_statement(statement, assumer);
        if statement["Effect"] == "Deny" {
            match found {
                Trust::Missing | Trust::Condition(_) => continue,
                Trust::Granted => return Trust::Condition("a statement denies it".to_owned()),
                Trust::Unclear(_) => {
                    return Trust::Unclear("a statement may deny it".to_owned());
                }
            }
        }
        best = better(best, found);
    }
    best
}

/// One statement that grants is enough.
fn better(one: Trust, other: Trust) -> Trust {
    let rank = |trust: &Trust| match trust {
        Trust::Granted => 0,
        Trust::Unclear(_) => 1,
        Trust::Condition(_) => 2,
        Trust::Missing => 3,
    };
    if rank(&other) < rank(&one) { other } else { one }
}

/// What a statement would come to if it allowed.
fn of_statement(statement: &Json, assumer: &Assumer<'_>) -> Trust {
    for negated in ["NotPrincipal", "NotAction"] {
        if !statement[negated].is_null() {
            return Trust::Unclear(format!("its trust policy has a `{negated}`"));
        }
    }
    let names_action =
        one_or_many(&statement["Action"]).iter().any(|action| fits_action(action, "sts:AssumeRole"));
    let principal = &statement["Principal"];
    let names_principal = principal == "*" || one_or_many(&principal["Service"]).contains(&assumer.principal);
    if names_action && !names_principal && one_or_many(&principal["AWS"]).contains(&"*") {
        return Trust::Unclear("its trust policy names everybody, and no service".to_owned());
    }
    if !names_action || !names_principal {
        return Trust::Missing;
    }
    let mut unclear = None;
    for (operator, conditions) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, wanted) in conditions.as_object().into_iter().flatten() {
            match of_condition(operator, key, &one_or_many(wanted), assumer) {
                Some(true) => {}
                Some(false) => return Trust::Condition(format!("its condition on `{key}` keeps it out")),
                None => unclear = Some(format!("its trust policy has a condition on `{key}` ({operator})")),
            }
        }
    }
    unclear.map_or(Trust::Granted, Trust::Unclear)
}

/// Actions are compared without regard to case.
fn fits_action(pattern: &str, action: &str) -> bool {
    fits(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// `None`: not known here.
fn of_condition(operator: &str, key: &str, wanted: &[&str], assumer: &Assumer<'_>) -> Option<bool> {
    let actual = match key.to_ascii_lowercase().as_str() {
        "aws:sourceaccount" => assumer.account,
        "aws:sourcearn" => assumer.source_arn.as_str(),
        _ => return None,
    };
    // A source account that nobody told can't be compared.
    if actual.is_empty() {
        return None;
    }
    // What stands for a value of the request is not known.
    if wanted.iter().any(|pattern| pattern.contains("${")) {
        return None;
    }
    let matches: &dyn Fn(&str) -> bool = match operator.strip_suffix("IfExists").unwrap_or(operator) {
        "StringEquals" | "ForAnyValue:StringEquals" => &|pattern| pattern == actual,
        "StringEqualsIgnoreCase" => &|pattern| pattern.eq_ignore_ascii_case(actual),
        "StringLike" | "ArnLike" | "ArnEquals" => &|pattern| fits(pattern, actual),
        _ => return None,
    };
    if wanted.iter().any(|pattern| matches(pattern)) {
        return Some(true);
    }
    // For which task, service or schedule exactly is AWS's to say: only region and account are certain.
    let is_near = |pattern: &&str| match (place(pattern), place(actual)) {
        (Some(pattern), Some(actual)) => fits(pattern, actual),
        _ => false,
    };
    if wanted.iter().any(is_near) { None } else { Some(false) }
}

/// `arn:aws:ecs:eu-west-1:123456789012` of an ARN.
fn place(arn: &str) -> Option<&str> {
    let (end, _) = arn.match_indices(':').nth(4)?;
    Some(&arn[..end])
}

fn one_or_many(value: &Json) -> Vec<&str> {
    value.as_str().map_or_else(|| texts(value), |text| vec![text])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(statement: Json) -> Trust {
        let assumer = Assumer {
            principal: "ecs-tasks.amazonaws.com",
            account: "123456789012",
            source_arn: "arn:aws:ecs:eu-west-1:123456789012:task/jobs/1".to_owned(),
        };
        judge(&json!({"Version": "2012-10-17", "Statement": statement}), &assumer)
    }

    fn allow(more: Json) -> Json {
        let mut statement = json!({
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        });
        if let (Some(statement), Json::Object(more)) = (statement.as_object_mut(), more) {
            statement.extend(more);
        }
        statement
    }

    #[test]
    fn a_policy_grants_by_service_action_and_conditions() {
        let condition = |operator: &str, key: &str, value: &str| {
            let mut conditions = json!({});
            conditions[operator] = json!({});
            conditions[operator][key] = value.into();
            judged(allow(json!({"Condition": conditions})))
        };
        let kept_out = |key: &str| Trust::Condition(format!("its condition on `{key}` keeps it out"));
        assert_eq!(judged(allow(json!({}))), Trust::Granted);
        assert_eq!(
            judged(json!([allow(json!({"Action": ["sts:TagSession", "sts:assumerole"]}))])),
            Trust::Granted
        );
        let both = json!({"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]});
        assert_eq!(judged(allow(json!({"Principal": both}))), Trust::Granted);
        assert_eq!(judged(allow(json!({"Principal": {"Service": "ec2.amazonaws.com"}}))), Trust::Missing);
        assert_eq!(judged(allow(json!({"Action": "sts:TagSession"}))), Trust::Missing);
        assert_eq!(judged(json!([])), Trust::Missing);
        assert_eq!(condition("StringEquals", "aws:SourceAccount", "123456789012"), Trust::Granted);
        assert_eq!(condition("StringEquals", "aws:SourceAccount", "1"), kept_out("aws:SourceAccount"));
        assert_eq!(condition("ArnLike", "AWS:SourceArn", "arn:aws:ecs:*:123456789012:*"), Trust::Granted);
        let elsewhere = "arn:aws:ecs:us-east-1:123456789012:*";
        assert_eq!(condition("ArnLike", "aws:SourceArn", elsewhere), kept_out("aws:SourceArn"));
        let another = "arn:aws:ecs:eu-west-1:123456789012:service/jobs/*";
        assert!(matches!(condition("ArnLike", "aws:SourceArn", another), Trust::Unclear(_)));
        let variable = "${aws:PrincipalAccount}";
        assert!(matches!(condition("StringEquals", "aws:SourceAccount", variable), Trust::Unclear(_)));
    }

    #[test]
    fn what_is_not_understood_is_unclear_and_not_refused() {
        let unclear = |more: Json| matches!(judged(allow(more)), Trust::Unclear(_));
        assert!(unclear(json!({"Condition": {"StringEquals": {"sts:ExternalId": "x"}}})));
        assert!(unclear(json!({"Condition": {"StringNotLike": {"aws:SourceAccount": "1"}}})));
        assert!(unclear(json!({"NotPrincipal": {"AWS": "x"}})));
        assert!(unclear(json!({"Principal": {"AWS": "*"}})));
        assert!(matches!(judged(json!("nothing")), Trust::Unclear(_)));
        let denied = json!([allow(json!({})), allow(json!({"Effect": "Deny"}))]);
        assert_eq!(judged(denied), Trust::Condition("a statement denies it".to_owned()));
        // Of two statements one is enough.
        let two = json!([
            allow(json!({"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}})),
            allow(json!({}))
        ]);
        assert_eq!(judged(two), Trust::Granted);
    }
}
