//! `cargo xtask cycles`: modules of a crate that import each other.
//!
//! `cargo modules dependencies` finds which module uses which: by its imports, and by the types in
//! its signatures and fields. It does not look into function bodies. Its option `--acyclic` cannot
//! be used: it also rejects a type and a method that returns it.
//!
//! The rule: modules of the same parent, each with all modules inside, import in one direction
//! only. Imports between a module and its own ancestors do not count.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::process;
use crate::tools::{self, CARGO_MODULES};
use crate::workspace::Workspace;

/// The library crates that must have no cycle.
const CRATES: [&str; 2] = ["shared", "local"];

/// Options that reduce the graph to modules of the crate. Uses of an item count for its module.
const MODULES_ONLY: [&str; 6] = [
    "--no-externs",
    "--no-sysroot",
    "--no-owns",
    "--no-fns",
    "--no-traits",
    "--no-types",
];

/// Fails if the modules of a crate import each other in a cycle.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let modules = tools::install_cargo(workspace, CARGO_MODULES).await?;
    let mut count = 0;
    for package in CRATES {
        let mut command = workspace.command(&modules);
        command.args(["modules", "dependencies", "--lib", "--package", package]);
        command.args(MODULES_ONLY);
        let graph = process::output(command).await?;
        let uses = uses(&graph);
        ensure!(
            !uses.is_empty(),
            "cargo-modules finds no imports in {package}"
        );
        let cycles = cycles(&uses);
        for cycle in &cycles {
            println!(
                "These modules import each other: {}",
                cycle.modules.join(", ")
            );
            for (user, used) in &cycle.uses {
                println!("    {user} uses {used}");
            }
        }
        count += cycles.len();
    }
    ensure!(count == 0, "{count} groups of modules import each other");
    println!("no cycle in {}", CRATES.join(", "));
    Ok(())
}

/// A module's path, and the path of a module that it uses.
type Use<'a> = (&'a str, &'a str);

/// Modules of the same parent, each of which leads to all others.
#[derive(Debug, PartialEq)]
struct Cycle<'a> {
    modules: Vec<&'a str>,
    /// What they, and the modules inside, use of each other.
    uses: Vec<Use<'a>>,
}

/// The uses in a graph in the DOT language, whose lines are `"a" -> "b" […]`.
fn uses(graph: &str) -> Vec<Use<'_>> {
    let edges = graph.lines().filter_map(|line| {
        let (user, rest) = line.trim().strip_prefix('"')?.split_once("\" -> \"")?;
        Some((user, rest.split_once('"')?.0))
    });
    edges.collect()
}

fn cycles<'a>(uses: &[Use<'a>]) -> Vec<Cycle<'a>> {
    let mut siblings: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (parent, user, used) in uses.iter().copied().filter_map(of_siblings) {
        let users = siblings.entry(parent).or_default();
        users.entry(user).or_default().insert(used);
    }
    let mut cycles = Vec::new();
    for graph in siblings.values() {
        let mut done = BTreeSet::new();
        for module in graph.keys().copied() {
            let reached = reachable(graph, module);
            if done.contains(module) || !reached.contains(module) {
                continue;
            }
            let modules = reached.into_iter();
            let modules = modules.filter(|other| reachable(graph, other).contains(module));
            let modules: Vec<_> = modules.collect();
            done.extend(modules.iter().copied());
            let inside = |use_: &Use<'a>| {
                of_siblings(*use_).is_some_and(|(_, user, used)| {
                    modules.contains(&user) && modules.contains(&used)
                })
            };
            cycles.push(Cycle {
                uses: uses.iter().copied().filter(inside).collect(),
                modules,
            });
        }
    }
    cycles
}

/// The modules that a module leads to; itself only by a cycle.
fn reachable<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>, module: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![module];
    while let Some(module) = open.pop() {
        for used in graph.get(module).into_iter().flatten() {
            if reached.insert(*used) {
                open.push(used);
            }
        }
    }
    reached
}

/// The common parent of two modules, and its children that contain them.
///
/// None if one of the two is an ancestor of the other.
fn of_siblings<'a>((user, used): Use<'a>) -> Option<(&'a str, &'a str, &'a str)> {
    let mut parent_length = 0;
    loop {
        let user_child = child(user, parent_length)?;
        let used_child = child(used, parent_length)?;
        if user_child != used_child {
            return Some((user.get(..parent_length)?, user_child, used_child));
        }
        parent_length = user_child.len();
    }
}

/// The path of a module up to the part that follows the first `parent_length` bytes.
fn child(path: &str, parent_length: usize) -> Option<&str> {
    let rest = path.get(parent_length..).filter(|rest| !rest.is_empty())?;
    let separator = if parent_length == 0 { 0 } else { 2 };
    let part = rest.get(separator..)?;
    let part_length = part.find("::").unwrap_or(part.len());
    path.get(..parent_length + separator + part_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_the_edges_of_the_graph() {
        let graph = r#"digraph {
    node [shape="record"];
    "a" [label="crate|a"]; // "crate" node
    "a::b" [label="mod|a::b"]; // "mod" node
    "a" -> "a::b" [label="uses", style="dashed"] [constraint=false]; // "uses" edge
    "a::b" -> "a::c::d" [label="uses"];
}"#;
        assert_eq!(uses(graph), [("a", "a::b"), ("a::b", "a::c::d")]);
    }

    #[test]
    fn imports_between_a_module_and_its_ancestors_are_no_cycle() {
        let uses = [
            ("a", "a::b"),
            ("a::b", "a"),
            ("a::b::c::d", "a::b"),
            ("a::b", "a::b::c::d"),
            ("a::b", "a::bc"),
            ("a::b::c", "a::b::e"),
        ];
        assert_eq!(cycles(&uses), []);
    }

    #[test]
    fn a_cycle_through_modules_inside_is_one_of_their_parents() {
        let uses = [
            ("a::b::x", "a::c"),
            ("a::c::y", "a::d"),
            ("a::d", "a::b::z"),
            ("a::d", "a::e"),
            ("a::f", "a::b"),
        ];
        let cycle = Cycle {
            modules: vec!["a::b", "a::c", "a::d"],
            uses: uses[..3].to_vec(),
        };
        assert_eq!(cycles(&uses), [cycle]);
    }

    #[test]
    fn each_cycle_is_listed_once() {
        let uses = [
            ("a::b", "a::c"),
            ("a::c", "a::b"),
            ("a::d::x", "a::d::y"),
            ("a::d::y", "a::d::x"),
            ("a::e", "a::b"),
        ];
        let cycles = cycles(&uses);
        let modules: Vec<_> = cycles.iter().map(|cycle| cycle.modules.clone()).collect();
        assert_eq!(modules, [vec!["a::b", "a::c"], vec!["a::d::x", "a::d::y"]]);
    }
}
