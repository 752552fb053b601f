//! "Did you mean": the nearest of the words that would have been right.

/// Longer words are compared with nothing: no keyword is so long.
const LONGEST: usize = 48;

/// The candidate nearest to `word`, when one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .filter_map(|candidate| {
            distance(word, candidate, allowed(candidate)).map(|steps| (steps, candidate))
        })
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// That there is no `what` of this name, and which there are.
pub fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let hint = nearest(word, known.iter().copied())
        .map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
    format!("no {what} `{word}`{hint}; there are: {}", known.join(", "))
}

/// Whether `word` is `expected` or a slip of the keyboard away from it.
pub fn is_near(word: &str, expected: &str) -> bool {
    distance(word, expected, allowed(expected)).is_some()
}

/// How many slips a word of this length forgives.
fn allowed(candidate: &str) -> usize {
    match candidate.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    }
}

/// Edit distance with insertions, deletions, replacements and swaps of neighbours; `None` when it
/// is more than `most` (at most 3).
///
/// Costs the word's length times a constant, whatever the text: only the cells near the diagonal
/// can be near enough.
fn distance(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > LONGEST || b.len() > LONGEST || a.len().abs_diff(b.len()) > most {
        return None;
    }
    let same = |i: usize, j: usize| a[i].eq_ignore_ascii_case(&b[j]);
    let far = u8::MAX / 2;
    let mut before = [far; LONGEST + 2];
    let mut last = [far; LONGEST + 2];
    for (j, cell) in (0..).zip(&mut last[..=most.min(b.len())]) {
        *cell = j;
    }
    for i in 1..=a.len() {
        let mut row = [far; LONGEST + 2];
        if i <= most {
            row[0] = last[0] + 1;
        }
        let mut least = row[0];
        for j in i.saturating_sub(most).max(1)..=(i + most).min(b.len()) {
            let mut cell =
                (last[j - 1] + u8::from(!same(i - 1, j - 1))).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && same(i - 1, j - 2) && same(i - 2, j - 1) {
                cell = cell.min(before[j - 2] + 1);
            }
            row[j] = cell;
            least = least.min(cell);
        }
        // Two rows that are too far all along lead nowhere: a swap reaches over one.
        if usize::from(least) > most && last.iter().all(|cell| usize::from(*cell) > most) {
            return None;
        }
        before = last;
        last = row;
    }
    Some(usize::from(last[b.len()])).filter(|steps| *steps <= most)
}
