//! Roles: there, with the path that the manifest says, and trusting who is to assume them.

use super::reference::Arn;
use super::trust::{Assumer, Trust, judge as trusted};
use super::what::Principal;
use super::{Verdict, View, error, not_checked, warning};
use crate::model::Subject;

/// Created by Application Auto Scaling itself, for whoever registers its first ECS target.
pub(super) const SCALING_ROLE: &str = "AWSServiceRoleForApplicationAutoScaling_ECSService";

/// The name at the end of a role's ARN; ECS takes a bare name, too.
pub(super) fn name(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

pub(super) fn judge(role: &str, principal: Principal, view: &View<'_>) -> Vec<Verdict> {
    let name = name(role);
    if let Some(arn) = Arn::read(role) {
        let account = &view.context.account;
        if arn.service != "iam" || !arn.resource.starts_with("role/") {
            return vec![error(
                format!("`{role}` is not a role"),
                "it needs `arn:aws:iam::ACCOUNT:role/NAME`",
            )];
        }
        if !account.is_empty() && arn.account != account {
            let what = format!("role `{name}` is of account {}, and tasks run in {account}", arn.account);
            return vec![error(what, "a role can be passed to ECS in its own account only")];
        }
    }
    let found = match view.look(&Subject::Role(name.to_owned()), "roles") {
        Ok(Some(found)) => found,
        Ok(None) => {
            // With its path, as the manifest has it: two paths are two roles to who wrote them.
            let shown = Arn::read(role).and_then(|arn| arn.resource.strip_prefix("role/")).unwrap_or(name);
            return vec![error(format!("there is no role `{shown}`"), "create it, or name another")];
        }
        Err(verdict) => return vec![verdict],
    };
    let arn = found["Arn"].as_str().unwrap_or(role);
    if Arn::read(role).is_some() && arn != role {
        let what = format!("role `{name}` has another path: it is `{arn}`");
        return vec![error(what, "write its ARN as it is")];
    }
    let service = principal.service();
    let assumer = Assumer {
        principal: service,
        account: &view.context.account,
        source_arn: principal.source(view.context),
    };
    match trusted(&found["AssumeRolePolicyDocument"], &assumer) {
        Trust::Granted => Vec::new(),
        Trust::Missing => vec![error(
            format!("role `{name}` does not trust {service}"),
            format!("allow sts:AssumeRole to the service {service} in its trust policy"),
        )],
        Trust::Condition(why) => vec![error(
            format!("role `{name}` names {service} in its trust policy, but {why}"),
            format!("it is assumed for `{}`, account {}", assumer.source_arn, assumer.account),
        )],
        Trust::Unclear(why) => {
            vec![not_checked(format!("whether role `{name}` trusts {service}: {why}"), "")]
        }
    }
}

pub(super) fn judge_scaling_role(view: &View<'_>) -> Vec<Verdict> {
    match view.look(&Subject::Role(SCALING_ROLE.to_owned()), "roles") {
        Ok(Some(_)) => Vec::new(),
        Ok(None) => vec![warning(
            format!("there is no role `{SCALING_ROLE}` yet"),
            "AWS makes it for the first scalable target, if who applies may iam:CreateServiceLinkedRole",
        )],
        Err(verdict) => vec![verdict],
    }
}
