//! GitOps for Amazon ECS.
