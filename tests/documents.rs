//! The tables of the documents match the sources. `cargo xtask docs` writes them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use vrrp_common::counter::{DropReason, RouterCounter, Verdict};
use vrrp_common::reason::Reason;
use vrrp_status::sample::sample;
use vrrp_tests::documents::{hold, table};

/// Counters that have a metric of their own; all others are values of `event`.
const OWN_METRIC: [(RouterCounter, &str); 6] = [
    (RouterCounter::AdvertReceived, "vrrp_advertisements_received_total"),
    (RouterCounter::PriorityZeroReceived, "vrrp_priority_zero_received_total"),
    (RouterCounter::LowerPriorityReceived, "vrrp_lower_priority_advertisements_received_total"),
    (RouterCounter::ArpAnswered, "vrrp_arp_answered_total"),
    (RouterCounter::ArpSuppressed, "vrrp_arp_suppressed_total"),
    (RouterCounter::NotActive, "vrrp_vip_dropped_packets_total"),
];

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// One metric of a page.
#[derive(Default)]
struct Metric {
    kind: String,
    help: String,
    /// In the order of the first sample.
    labels: Vec<String>,
}

/// The metrics of an OpenMetrics text, by the name that a query uses.
fn metrics(page: &str) -> Vec<(String, Metric)> {
    let mut found: Vec<(String, Metric)> = Vec::new();
    for line in page.lines() {
        if let Some((name, help)) =
            line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '))
        {
            let help = help.trim_end_matches('.').to_owned();
            found.push((name.to_owned(), Metric { help, ..Metric::default() }));
        } else if let Some((_, kind)) =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            found.last_mut().expect("HELP before TYPE").1.kind = kind.to_owned();
        } else if !line.starts_with('#')
            && let Some((_, metric)) = found.last_mut()
        {
            for label in label_names(line) {
                if !metric.labels.contains(&label) {
                    metric.labels.push(label);
                }
            }
        }
    }
    for (name, metric) in &mut found {
        *name += match metric.kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
    }
    found
}

/// The names of the labels of one sample.
fn label_names(sample: &str) -> Vec<String> {
    let Some((_, labels)) = sample.split_once('{') else { return Vec::new() };
    let ends = labels.match_indices("=\"").map(|(at, _)| at);
    ends.map(|end| {
        let name = &labels[..end];
        let from = name.rfind(|c: char| !c.is_ascii_lowercase() && c != '_').map_or(0, |at| at + 1);
        name[from..].to_owned()
    })
    .collect()
}

#[test]
fn metrics_are_those_of_the_page() -> Result<()> {
    let page = vrrp_status::metrics::render(&sample())?;
    let of_router = ["instance", "interface", "vrid"];
    let (routers, others): (Vec<_>, Vec<_>) = metrics(&page)
        .into_iter()
        .partition(|(_, metric)| metric.labels.starts_with(&of_router.map(str::to_owned)));
    let row = |(name, metric): &(String, Metric)| {
        let besides = metric.labels.iter().filter(|label| {
            !of_router.contains(&label.as_str()) || !metric.labels.contains(&"vrid".to_owned())
        });
        let labels: Vec<_> = besides.map(|label| code(label)).collect();
        [code(name), metric.kind.clone(), labels.join(", "), metric.help.clone()]
    };
    let head = ["metric", "type", "labels", "meaning"];
    hold("docs/metrics.md", "metrics of virtual routers", &table(head, routers.iter().map(row)))?;
    hold("docs/metrics.md", "other metrics", &table(head, others.iter().map(row)))
}

#[test]
fn keywords_are_those_of_the_reader() -> Result<()> {
    let cell = |text: &str| text.replace('|', "\\|");
    let rows = vrrp_config::keywords().into_iter().map(|keyword| {
        let vrrp_config::Keyword { block, word, support, why } = keyword;
        [block.to_owned(), code(word), support.to_owned(), cell(why)]
    });
    let head = ["block", "keyword", "here", "how, or why"];
    hold("docs/keepalived-keywords.md", "keywords", &table(head, rows))
}

#[test]
fn labels_are_read_from_samples() {
    let page = "# HELP a_b Help.\n# TYPE a_b counter\na_b_total{x=\"1\",y_z=\"{=}\"} 1\n# EOF\n";
    let found = metrics(page);
    assert_eq!(
        (found[0].0.as_str(), &found[0].1.labels[..]),
        ("a_b_total", &["x".to_owned(), "y_z".to_owned()][..])
    );
}

#[test]
fn counters_are_those_of_the_kernel_program() -> Result<()> {
    let own: BTreeMap<_, _> = OWN_METRIC.into_iter().collect();
    let dropped: BTreeSet<DropReason> = DropReason::all().collect();
    let row = |counter: &RouterCounter| {
        let drops = if dropped.contains(&DropReason::Router(*counter)) { "yes" } else { "" };
        let metric = own.get(counter).map_or(String::new(), |name| code(name));
        [code(counter.label()), drops.to_owned(), counter.help().to_owned(), metric]
    };
    let head = ["event", "dropped", "what is counted", "metric of its own"];
    hold("docs/metrics.md", "events", &table(head, RouterCounter::ALL.iter().map(row)))?;
    let row = |verdict: &Verdict| [code(verdict.label()), verdict.help().to_owned()];
    hold(
        "docs/metrics.md",
        "verdicts",
        &table(["verdict", "meaning"], Verdict::ALL.iter().map(row)),
    )
}

/// The doc comment of each drop reason, by its label, from the source.
fn reasons() -> BTreeMap<String, String> {
    let source = include_str!("../vrrp-common/src/reason.rs");
    let (mut found, mut about) = (BTreeMap::new(), String::new());
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            about = format!("{about} {text}").trim().to_owned();
        } else if let Some((_, label)) = line.split_once(" = \"") {
            let label = label.trim_end_matches("\",").to_owned();
            found.insert(label, std::mem::take(&mut about));
        } else {
            about.clear();
        }
    }
    found
}

#[test]
fn reasons_for_dropping_adverts_are_those_of_the_checks() -> Result<()> {
    let about = reasons();
    let row = |reason: &Reason| {
        [code(reason.label()), about[reason.label()].trim_end_matches('.').to_owned()]
    };
    hold(
        "docs/security.md",
        "drop reasons",
        &table(["reason", "the advert"], Reason::ALL.iter().map(row)),
    )
}
