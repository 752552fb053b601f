//! A Rust file taken apart: the code without its comments and literals, the comments alone, and the
//! string literals alone, line by line. The lexer knows as much as the rules need; the compiler
//! checks the rest.

/// Unit tests in a file or directory of their own, and the integration tests; the harness is a
/// library like any other.
pub fn is_test_file(path: &str) -> bool {
    let inside = path.split('/').skip(1);
    !path.starts_with("tests/harness/")
        && (path.starts_with("tests/")
            || inside.into_iter().any(|part| matches!(part, "tests" | "tests.rs")))
}

pub struct Source {
    /// Code; comments and the insides of strings and characters are blank.
    pub code: Vec<String>,
    /// Comments; all else is blank.
    pub comments: Vec<String>,
    /// The insides of strings; all else is blank.
    pub literals: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Code,
    Line,
    Block { depth: usize },
    Text,
    Raw { hashes: usize },
}

impl Source {
    pub fn parse(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let (mut code, mut comments, mut literals) = (String::new(), String::new(), String::new());
        let (mut mode, mut at) = (Mode::Code, 0);
        while at < chars.len() {
            let (next, length) = step(mode, &chars, at);
            // Opening characters belong to their string or comment. Quotes stay in the code, so
            // that tokens do not merge.
            for &c in &chars[at..at + length] {
                let comment = matches!(mode, Mode::Line | Mode::Block { .. })
                    || matches!(next, Mode::Line | Mode::Block { .. });
                let kept = mode == Mode::Code && next == Mode::Code || c == '"';
                code.push(if c == '\n' || kept && !comment { c } else { ' ' });
                comments.push(if c == '\n' || comment { c } else { ' ' });
                let inside = |mode| matches!(mode, Mode::Text | Mode::Raw { .. });
                let literal = inside(mode) && inside(next);
                literals.push(if c == '\n' || literal { c } else { ' ' });
            }
            if mode == Mode::Code && next == Mode::Code && length > 1 {
                blank_character(&mut code, length);
            }
            (mode, at) = (next, at + length);
        }
        let lines = |text: String| text.lines().map(str::to_owned).collect();
        Self { code: lines(code), comments: lines(comments), literals: lines(literals) }
    }

    /// The code above the unit tests at the end of the file.
    pub fn production(&self) -> &[String] {
        let is_tests = |pair: &[String]| {
            pair[0].trim() == "#[cfg(test)]"
                && pair[1].trim_start().starts_with("mod ")
                && pair[1].contains('{')
        };
        match self.code.windows(2).position(is_tests) {
            Some(end) => &self.code[..end],
            None => &self.code,
        }
    }
}

/// A character literal is one token in `Code`: its inside is blanked.
fn blank_character(code: &mut String, length: usize) {
    let start = code.char_indices().rev().nth(length - 1).map_or(0, |(index, _)| index);
    code.truncate(start);
    code.push('\'');
    code.extend(std::iter::repeat_n(' ', length - 2));
    code.push('\'');
}

/// The mode after the token at `at`, and the token's length.
fn step(mode: Mode, chars: &[char], at: usize) -> (Mode, usize) {
    let rest = &chars[at..];
    let two = (rest[0], rest.get(1).copied().unwrap_or(' '));
    match mode {
        Mode::Code => match two {
            ('/', '/') => (Mode::Line, 2),
            ('/', '*') => (Mode::Block { depth: 1 }, 2),
            ('"', _) => (Mode::Text, 1),
            ('r', '"' | '#') if !follows_identifier(chars, at) => match raw_hashes(rest) {
                Some(hashes) => (Mode::Raw { hashes }, hashes + 2),
                None => (Mode::Code, 1),
            },
            ('\'', _) => (Mode::Code, character_length(rest)),
            _ => (Mode::Code, 1),
        },
        Mode::Line if rest[0] == '\n' => (Mode::Code, 1),
        Mode::Line => (Mode::Line, 1),
        Mode::Block { depth } => match two {
            ('/', '*') => (Mode::Block { depth: depth + 1 }, 2),
            ('*', '/') if depth == 1 => (Mode::Code, 2),
            ('*', '/') => (Mode::Block { depth: depth - 1 }, 2),
            _ => (mode, 1),
        },
        Mode::Text => match two {
            ('\\', _) if rest.len() > 1 => (mode, 2),
            ('"', _) => (Mode::Code, 1),
            _ => (mode, 1),
        },
        Mode::Raw { hashes } => {
            let closes =
                rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|&c| c == '#');
            if closes { (Mode::Code, hashes + 1) } else { (mode, 1) }
        }
    }
}

/// `br"..."` and `cr"..."` are raw strings too; `for"` is not.
fn follows_identifier(chars: &[char], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|index| chars.get(index)).copied();
    match before(1) {
        Some('b' | 'c') => before(2).is_some_and(is_word),
        Some(c) => is_word(c),
        None => false,
    }
}

/// The number of `#` in `r##"`; none if this is `r#identifier`.
fn raw_hashes(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    (rest.get(hashes + 1) == Some(&'"')).then_some(hashes)
}

/// The length of `'x'` or `'\u{1f}'`; 1 for the tick of a lifetime.
fn character_length(rest: &[char]) -> usize {
    match rest.get(1) {
        Some('\\') => {
            rest.iter().skip(3).position(|&c| c == '\'').map_or(1, |position| position + 4)
        }
        Some(_) if rest.get(2) == Some(&'\'') => 3,
        _ => 1,
    }
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a line of code, with the byte at which each begins.
pub fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    line.split(|c: char| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
}
