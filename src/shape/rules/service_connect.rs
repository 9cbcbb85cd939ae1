//! Rules for Service Connect and VPC Lattice, which DescribeServices shows inside deployments only.

use super::Absent::SameAs;
use super::Effect::StartsDeployment;
use super::Equality::{Exact, KeyedBy, Map, MapByName, Members, NameUnlessArn, Number, Set};
use super::service::{part, service};
use super::{Clear, Rule};

pub(super) const RULES: &[Rule] = &[
    // DescribeServices shows the next three only inside the PRIMARY deployment.
    service("serviceConnectConfiguration", Members, StartsDeployment)
        .or_empty()
        .clear(Clear::Send(r#"{"enabled":false}"#)),
    part("serviceConnectConfiguration.enabled", Exact, "ServiceConnectConfiguration").flag(false),
    part("serviceConnectConfiguration.namespace", NameUnlessArn, "ServiceConnectConfiguration").not_ours(),
    part("serviceConnectConfiguration.services", KeyedBy(&["portName"]), "ServiceConnectService")
        .or_empty()
        .only_with("enabled", "true"),
    part("serviceConnectConfiguration.services[]", Members, "ServiceConnectService"),
    part("serviceConnectConfiguration.services[].portName", Exact, "ServiceConnectService"),
    part("serviceConnectConfiguration.services[].discoveryName", Exact, "ServiceConnectService")
        .absent(SameAs("portName")),
    part(
        "serviceConnectConfiguration.services[].clientAliases",
        KeyedBy(&["port"]),
        "ServiceConnectClientAlias",
    )
    .or_empty(),
    part("serviceConnectConfiguration.services[].clientAliases[]", Members, "ServiceConnectClientAlias"),
    part("serviceConnectConfiguration.services[].clientAliases[].port", Number, "ServiceConnectClientAlias"),
    // ECS makes it up from the discovery name and the namespace.
    part(
        "serviceConnectConfiguration.services[].clientAliases[].dnsName",
        Exact,
        "ServiceConnectClientAlias",
    )
    .not_ours(),
    part("serviceConnectConfiguration.services[].ingressPortOverride", Number, "ServiceConnectService")
        .number(0),
    part("serviceConnectConfiguration.services[].timeout", Members, "TimeoutConfiguration").or_empty(),
    part("serviceConnectConfiguration.services[].tls", Members, "ServiceConnectTlsConfiguration"),
    // The configuration is taken whole: what is left out of it is gone.
    part("serviceConnectConfiguration.logConfiguration", Members, "LogConfiguration"),
    part("serviceConnectConfiguration.logConfiguration.logDriver", Exact, "LogConfiguration"),
    part("serviceConnectConfiguration.logConfiguration.options", Map, "LogConfiguration").or_empty(),
    part(
        "serviceConnectConfiguration.logConfiguration.secretOptions",
        MapByName("valueFrom"),
        "LogConfiguration",
    )
    .or_empty(),
    part(
        "serviceConnectConfiguration.accessLogConfiguration",
        Members,
        "ServiceConnectAccessLogConfiguration",
    ),
    part(
        "serviceConnectConfiguration.accessLogConfiguration.includeQueryParameters",
        Exact,
        "ServiceConnectAccessLogConfiguration",
    )
    .text("DISABLED"),
    part("serviceConnectConfiguration.containerConfigurations", Set, "ServiceConnectContainerConfiguration")
        .or_empty(),
    service("vpcLatticeConfigurations", Set, StartsDeployment).or_empty().clear(Clear::Send("[]")),
    part("vpcLatticeConfigurations[]", Members, "VpcLatticeConfiguration"),
    part("vpcLatticeConfigurations[].roleArn", Exact, "VpcLatticeConfiguration"),
    part("vpcLatticeConfigurations[].targetGroupArn", Exact, "VpcLatticeConfiguration"),
    part("vpcLatticeConfigurations[].portName", Exact, "VpcLatticeConfiguration"),
    part("vpcLatticeConfigurations[].advancedConfiguration", Members, "VpcLatticeConfiguration").or_empty(),
    part(
        "vpcLatticeConfigurations[].advancedConfiguration.alternateTargetGroupArn",
        Exact,
        "VpcLatticeConfiguration",
    )
    .or_empty(),
    part(
        "vpcLatticeConfigurations[].advancedConfiguration.productionListenerRule",
        Exact,
        "VpcLatticeConfiguration",
    )
    .or_empty(),
    part(
        "vpcLatticeConfigurations[].advancedConfiguration.testListenerRule",
        Exact,
        "VpcLatticeConfiguration",
    )
    .or_empty(),
    part(
        "serviceConnectConfiguration.accessLogConfiguration.format",
        Exact,
        "ServiceConnectAccessLogConfiguration",
    ),
    part(
        "serviceConnectConfiguration.containerConfigurations[]",
        Members,
        "ServiceConnectContainerConfiguration",
    ),
    part(
        "serviceConnectConfiguration.containerConfigurations[].logLevel",
        Exact,
        "ServiceConnectContainerConfiguration",
    ),
    part(
        "serviceConnectConfiguration.services[].clientAliases[].testTrafficRules",
        Members,
        "ServiceConnectTestTrafficRules",
    ),
    part(
        "serviceConnectConfiguration.services[].clientAliases[].testTrafficRules.header",
        Members,
        "ServiceConnectTestTrafficHeaderRules",
    ),
    part(
        "serviceConnectConfiguration.services[].clientAliases[].testTrafficRules.header.name",
        Exact,
        "ServiceConnectTestTrafficHeaderRules",
    ),
    part(
        "serviceConnectConfiguration.services[].clientAliases[].testTrafficRules.header.value",
        Members,
        "ServiceConnectTestTrafficHeaderMatchRules",
    ),
    part(
        "serviceConnectConfiguration.services[].clientAliases[].testTrafficRules.header.value.exact",
        Exact,
        "ServiceConnectTestTrafficHeaderMatchRules",
    ),
    part("serviceConnectConfiguration.services[].timeout.idleTimeoutSeconds", Number, "TimeoutConfiguration"),
    part(
        "serviceConnectConfiguration.services[].timeout.perRequestTimeoutSeconds",
        Number,
        "TimeoutConfiguration",
    ),
    part(
        "serviceConnectConfiguration.services[].tls.issuerCertificateAuthority",
        Members,
        "ServiceConnectTlsCertificateAuthority",
    ),
    part(
        "serviceConnectConfiguration.services[].tls.issuerCertificateAuthority.awsPcaAuthorityArn",
        Exact,
        "ServiceConnectTlsCertificateAuthority",
    ),
    part("serviceConnectConfiguration.services[].tls.kmsKey", Exact, "ServiceConnectTlsConfiguration")
        .or_empty(),
    part("serviceConnectConfiguration.services[].tls.roleArn", Exact, "ServiceConnectTlsConfiguration")
        .or_empty(),
];
