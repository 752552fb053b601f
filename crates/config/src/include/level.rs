//! What counts as an error when a file to include is not there: `include_check` and the letter
//! behind `include`.

use super::super::source::Problem;
use super::pattern::Found;

/// Each part makes one more thing an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Level {
    /// A file that matches cannot be read.
    pub readable: bool,
    /// A name without wildcards matches nothing.
    plain: bool,
    /// Nor does one with wildcards.
    wildcard: bool,
    /// Nor does one of the alternatives in braces.
    brace: bool,
}

const ALL: Level = Level { readable: true, plain: true, wildcard: true, brace: true };
const NONE: Level = Level { readable: false, plain: false, wildcard: false, brace: false };

impl Level {
    /// What an include keyword adds; `None` when it is none.
    pub(super) fn of_keyword(keyword: &str) -> Option<Self> {
        match keyword {
            "include" => Some(NONE),
            "includea" => Some(ALL),
            "includer" => Self::of_word("readable"),
            "includem" => Self::of_word("match"),
            "includew" => Self::of_word("wildcard_match"),
            "includeb" => Self::of_word("brace_match"),
            _ => None,
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let readable = Level { readable: true, ..NONE };
        match word {
            "readable" => Some(readable),
            "match" => Some(Level { plain: true, ..readable }),
            "wildcard_match" => Some(Level { plain: true, wildcard: true, ..readable }),
            "brace_match" => Some(Level { brace: true, ..readable }),
            _ => None,
        }
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self {
            readable: self.readable || other.readable,
            plain: self.plain || other.plain,
            wildcard: self.wildcard || other.wildcard,
            brace: self.brace || other.brace,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            readable: self.readable && !other.readable,
            plain: self.plain && !other.plain,
            wildcard: self.wildcard && !other.wildcard,
            brace: self.brace && !other.brace,
        }
    }

    /// `include_check [+|-]WORD...`; all when there is no word.
    pub(super) fn change(&mut self, words: &str) {
        if words.is_empty() {
            *self = ALL;
            return;
        }
        let mut fresh = NONE;
        let mut relative = false;
        for word in words.split_whitespace() {
            let (sign, name) = match word.split_at_checked(1) {
                Some((sign @ ("+" | "-"), name)) => (sign, name),
                _ => ("", word),
            };
            let Some(part) = Self::of_word(name) else { continue };
            match sign {
                "+" => *self = self.with(part),
                // Only the word itself: the others need readable files too.
                "-" if name != "readable" => *self = self.without(Self { readable: false, ..part }),
                "-" => *self = self.without(part),
                _ => fresh = fresh.with(part),
            }
            relative |= !sign.is_empty();
        }
        if !relative {
            *self = fresh;
        }
    }

    /// What there is to say about a pattern that does not match.
    pub(super) fn complain(self, pattern: &str, found: &Found) -> Option<Problem> {
        let unmatched = found.unmatched.first()?;
        let nothing = found.paths().next().is_none();
        let wildcard = found.unmatched.iter().any(|part| part.wildcard);
        let asked = (nothing && (if wildcard { self.wildcard } else { self.plain }))
            || (found.braces && self.brace);
        // An empty directory is nothing to wonder at.
        if !asked && (wildcard || !nothing) {
            return None;
        }
        let name = if nothing { pattern } else { &unmatched.pattern };
        Some(Problem { message: format!("no file matches `{name}`"), silent: !asked })
    }
}
