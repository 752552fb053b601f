//! The import graph of each crate has no circle: neither between its files nor between its
//! top-level modules.
//!
//! A file imports another if it names an item that is defined there. A `pub use` passes an item on
//! and counts for the file that defines it, so a module may re-export its children's items. A
//! module and the files below it are one unit: a child may use items of its parent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::finding::Finding;
use super::paths_in_code::code_paths;
use super::source::Source;

/// Roots of crates, and the file of the root module.
const CRATES: &[(&str, &str)] = &[
    ("vrrp-common/src", "lib.rs"),
    ("crates/model/src", "lib.rs"),
    ("crates/election/src", "lib.rs"),
    ("crates/config/src", "lib.rs"),
    ("crates/steering/src", "lib.rs"),
    ("crates/notify/src", "lib.rs"),
    ("crates/status/src", "lib.rs"),
    ("vrrp-agent/src", "lib.rs"),
    ("vrrp-ebpf/src", "main.rs"),
    ("vrrp-ebpf/src/sockets", "main.rs"),
    ("xtask/src", "main.rs"),
    ("tests/harness", "lib.rs"),
];

/// A module by its segments; the root is empty.
type Module = Vec<String>;

/// The contents of one file.
struct File {
    path: String,
    /// (line, absolute path)
    used: Vec<(usize, Vec<String>)>,
    /// Absolute paths that it re-exports, by their name here.
    reexported: BTreeMap<String, Vec<String>>,
}

/// The production files of all crates, taken in one at a time.
#[derive(Default)]
pub struct Imports {
    crates: BTreeMap<&'static str, BTreeMap<Module, File>>,
}

/// An import that closes a circle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    path: String,
    line: usize,
    item: String,
}

impl Imports {
    pub fn add(&mut self, path: &str, source: &Source) {
        // The innermost root that contains the file.
        let Some(&(root, main)) = CRATES
            .iter()
            .filter(|(root, _)| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/')))
            .max_by_key(|(root, _)| root.len())
        else {
            return;
        };
        let module = module_of(&path[root.len() + 1..], main);
        let file = File::read(path, &module, source);
        self.crates.entry(root).or_default().insert(module, file);
    }

    pub fn finish(&self, findings: &mut Vec<Finding>) {
        for files in self.crates.values() {
            let by_file = graph(files, |module| module.clone());
            let by_top = graph(files, |module| module.iter().take(1).cloned().collect());
            for (what, graph) in [("files", by_file), ("top-level modules", by_top)] {
                for circle in circles(&graph) {
                    report(what, &circle, &graph, findings);
                }
            }
        }
    }
}

/// One finding for each circle: its shortest form.
fn report(
    what: &str,
    circle: &BTreeSet<Module>,
    graph: &BTreeMap<Module, BTreeMap<Module, Edge>>,
    findings: &mut Vec<Finding>,
) {
    let round = circle.iter().filter_map(|from| shortest_round(graph, from)).min_by_key(Vec::len);
    let Some(round) = round else { return };
    let edge = |index: usize| &graph[&round[index]][&round[(index + 1) % round.len()]];
    let steps: Vec<String> = (0..round.len())
        .map(|index| {
            let Edge { path, line, item } = edge(index);
            format!("{} uses `{item}` ({path}:{line})", name(&round[index]))
        })
        .collect();
    let text = format!("a circle of {} {what}: {}", circle.len(), steps.join(", "));
    findings.push(Finding::new(&edge(0).path, edge(0).line, text));
}

/// The fewest modules from `from` back to it, breadth first.
fn shortest_round(
    graph: &BTreeMap<Module, BTreeMap<Module, Edge>>,
    from: &Module,
) -> Option<Vec<Module>> {
    let mut seen = BTreeSet::new();
    let mut open = VecDeque::from([vec![from.clone()]]);
    while let Some(round) = open.pop_front() {
        for next in graph.get(round.last()?).into_iter().flat_map(BTreeMap::keys) {
            if next == from {
                return Some(round);
            }
            if seen.insert(next) {
                open.push_back([&round[..], std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

fn name(module: &Module) -> String {
    if module.is_empty() { "the crate root".to_owned() } else { module.join("::") }
}

/// The module that a file below the crate's root holds.
fn module_of(path: &str, main: &str) -> Module {
    if path == main {
        return Module::new();
    }
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

impl File {
    fn read(path: &str, module: &Module, source: &Source) -> Self {
        let mut file =
            Self { path: path.to_owned(), used: Vec::new(), reexported: BTreeMap::new() };
        for found in code_paths(source.production()) {
            let absolute = absolute(&found.segments, module);
            if !found.reexported {
                file.used.push((found.line, absolute));
            } else if let Some(last) = absolute.last().cloned() {
                file.reexported.insert(last, absolute);
            }
        }
        file
    }
}

/// `segments` as seen in `module`, from the crate's root. A path that begins with none of `crate`,
/// `self` and `super` begins in this module, or in another crate: resolution decides.
fn absolute(segments: &[String], module: &Module) -> Vec<String> {
    let mut base = module.clone();
    let mut rest = segments;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest = after;
    }
    base.extend(rest.iter().cloned());
    base
}

/// The module that defines what `path` names, through at most `depth` re-exports. A path into
/// another crate ends in the module that names it.
fn resolve(path: &[String], files: &BTreeMap<Module, File>, depth: usize) -> Option<Module> {
    let known = (0..=path.len()).rev().find(|&length| files.contains_key(&path[..length]))?;
    let (module, rest) = path.split_at(known);
    let Some(item) = rest.first() else { return Some(module.to_vec()) };
    let file = &files[module];
    if depth == 0 {
        return Some(module.to_vec());
    }
    if let Some(target) = file.reexported.get(item) {
        let whole: Vec<String> = target.iter().chain(&rest[1..]).cloned().collect();
        return resolve(&whole, files, depth - 1);
    }
    Some(module.to_vec())
}

/// For each module the modules that it imports, each with the first such line.
fn graph(
    files: &BTreeMap<Module, File>,
    node: impl Fn(&Module) -> Module,
) -> BTreeMap<Module, BTreeMap<Module, Edge>> {
    let mut graph: BTreeMap<Module, BTreeMap<Module, Edge>> = BTreeMap::new();
    for (module, file) in files {
        for (line, path) in &file.used {
            let Some(target) = resolve(path, files, 8) else { continue };
            let (from, to) = (node(module), node(&target));
            // A child may use its parent's items; in the graph of top-level modules the root is
            // the parent of all.
            if from != to && !module.starts_with(&target) {
                let edge = Edge {
                    path: file.path.clone(),
                    line: *line,
                    item: path.last().cloned().unwrap_or_default(),
                };
                graph.entry(from).or_default().entry(to).or_insert(edge);
            }
        }
    }
    graph
}

/// Sets of modules that reach each other, of two or more.
fn circles(graph: &BTreeMap<Module, BTreeMap<Module, Edge>>) -> BTreeSet<BTreeSet<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        graph.keys().map(|from| (from, reachable(graph, from))).collect();
    let together = |a: &Module, b: &Module| {
        reached.get(a).is_some_and(|set| set.contains(b))
            && reached.get(b).is_some_and(|set| set.contains(a))
    };
    graph
        .keys()
        .map(|from| graph.keys().filter(|to| *to == from || together(from, to)).cloned().collect())
        .filter(|circle: &BTreeSet<Module>| circle.len() > 1)
        .collect()
}

fn reachable<'a>(
    graph: &'a BTreeMap<Module, BTreeMap<Module, Edge>>,
    from: &Module,
) -> BTreeSet<&'a Module> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Module> = graph.get(from).into_iter().flat_map(BTreeMap::keys).collect();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(graph.get(next).into_iter().flat_map(BTreeMap::keys));
        }
    }
    seen
}
