//! The table folded into a tree, so that a walk down two JSON trees finds its rule at each step.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Effect, Rule, Tree, all};

/// The rules at and below one field.
#[derive(Debug, Default)]
pub struct Node {
    pub rule: Option<&'static Rule>,
    /// The field's own effect, or that of the nearest field around it.
    pub effect: Option<Effect>,
    pub members: BTreeMap<&'static str, Node>,
    /// Rules for the elements of a list.
    pub element: Option<Box<Node>>,
}

impl Node {
    fn place(&mut self, path: &'static str, rule: &'static Rule) {
        let mut node = self;
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let name = step.trim_end_matches("[]");
            node = node.members.entry(name).or_default();
            if step.ends_with("[]") {
                node = node.element.get_or_insert_default();
            }
        }
        node.rule = Some(rule);
    }

    fn inherit(&mut self, around: Option<Effect>) {
        self.effect = self.rule.and_then(|rule| rule.effect).or(around);
        for member in self.members.values_mut() {
            member.inherit(self.effect);
        }
        if let Some(element) = &mut self.element {
            element.inherit(self.effect);
        }
    }

    fn under(&mut self, steps: &[&'static str]) -> &mut Node {
        let mut node = self;
        for step in steps {
            node = node.members.entry(step).or_default();
        }
        node
    }
}

struct Trees {
    task_definition: Node,
    service: Node,
    scaling: Node,
    schedule: Node,
}

static TREES: LazyLock<Trees> = LazyLock::new(|| {
    let mut trees = Trees {
        task_definition: Node::default(),
        service: Node::default(),
        scaling: Node::default(),
        schedule: Node::default(),
    };
    for rule in all() {
        let node = match rule.tree {
            Tree::TaskDefinition => &mut trees.task_definition,
            Tree::Service => &mut trees.service,
            Tree::ScalableTarget => &mut trees.scaling,
            Tree::Schedule => &mut trees.schedule,
            Tree::ScalingPolicy => trees.scaling.under(&["policies"]).element.get_or_insert_default(),
            Tree::ScheduledAction => {
                trees.scaling.under(&["scheduledActions"]).element.get_or_insert_default()
            }
        };
        node.place(rule.path, rule);
    }
    for node in [&mut trees.task_definition, &mut trees.service, &mut trees.scaling, &mut trees.schedule] {
        node.inherit(None);
    }
    trees
});

/// The rules of one part of a spec. Policies and scheduled actions hang below the
/// scalable target, as they do in a manifest.
pub fn tree(tree: Tree) -> &'static Node {
    match tree {
        Tree::TaskDefinition => &TREES.task_definition,
        Tree::Service => &TREES.service,
        Tree::ScalableTarget | Tree::ScalingPolicy | Tree::ScheduledAction => &TREES.scaling,
        Tree::Schedule => &TREES.schedule,
    }
}
