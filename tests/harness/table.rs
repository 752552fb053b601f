//! Aligned text tables, and their figures: medians, spreads, ratios.

/// Prints `rows` under `head`, with columns of the needed width; the first is flush left, the
/// others right.
pub fn print(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        cells
            .chain(head.get(column).copied())
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let line = |cells: &[&str]| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    println!("  {}", line(head));
    for row in rows {
        println!("  {}", line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    }
}

/// Median, least and most of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// `None` for no figures at all.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let median =
            (sorted.get(sorted.len().checked_sub(1)? / 2)? + sorted.get(sorted.len() / 2)?) / 2.0;
        Some(Self { median, least: *sorted.first()?, most: *sorted.last()? })
    }

    /// `12.3 (11.9..14.0)`, or `-` for nothing.
    pub fn text(this: Option<Self>) -> String {
        match this {
            Some(Self { median, least, most }) => {
                format!("{} ({}..{})", figure(median), figure(least), figure(most))
            }
            None => "-".to_owned(),
        }
    }
}

/// A figure with its significant digits.
pub fn figure(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// `theirs` divided by `ours`. Values below `resolution` are not exact: the ratio is then a lower
/// or an upper bound.
pub fn ratio(ours: Option<f64>, theirs: Option<f64>, resolution: f64) -> String {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return "-".to_owned() };
    let value = theirs.max(resolution) / ours.max(resolution);
    let sign = match (ours < resolution, theirs < resolution) {
        (true, true) => return "both none".to_owned(),
        (true, false) => ">",
        (false, true) => "<",
        (false, false) => "",
    };
    let number = if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    format!("{sign}{number}x")
}

#[cfg(test)]
mod tests;
