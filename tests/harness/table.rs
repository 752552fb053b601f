//! Plain aligned text, and what goes into it: medians, spreads, ratios.

/// Prints `rows` under `head`, each column as wide as it must be; the first is flush left, the
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

/// A figure with as many places as mean something.
pub fn figure(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// How many times `ours` goes into `theirs`. What is below `resolution` cannot be told from it:
/// then it is at least so many times, or at most.
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
