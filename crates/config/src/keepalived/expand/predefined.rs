//! The variables that keepalived defines.

use super::super::super::Surroundings;
use super::super::super::diag::{Diagnostic, Reporter};
use super::super::super::source::Span;

/// Largest value of `${_RANDOM}` when none is given.
const LARGEST_RANDOM: u64 = 32_767;

pub(super) struct Predefined<'a> {
    surroundings: &'a Surroundings,
    random: u64,
    /// The directory of the file that is read.
    pub directory: String,
}

impl<'a> Predefined<'a> {
    pub(super) fn new(surroundings: &'a Surroundings) -> Self {
        Self { surroundings, random: surroundings.seed, directory: String::new() }
    }

    /// Sets `${_PWD}` to the directory of a file.
    pub(super) fn enter(&mut self, file: &str) {
        let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
        self.directory = match directory {
            "" if file.starts_with('/') => "/".to_owned(),
            "" => self.surroundings.directory.clone(),
            absolute if absolute.starts_with('/') => absolute.to_owned(),
            relative => format!("{}/{relative}", self.surroundings.directory),
        };
    }

    /// The value of `${name arguments}`; `None` when keepalived does not define the name.
    pub(super) fn value(
        &mut self,
        name: &str,
        arguments: &str,
        span: &Span,
        reporter: &mut Reporter,
    ) -> Option<String> {
        let value = match name {
            "_PWD" => self.directory.clone(),
            "_INSTANCE" => self.surroundings.config_id().to_owned(),
            "_HASH" => "#".to_owned(),
            "_BANG" => "!".to_owned(),
            "_ENV" => self.environment(arguments, span, reporter),
            "_RANDOM" => self.random(arguments, span, reporter).to_string(),
            _ => return None,
        };
        Some(value)
    }

    fn environment(&self, name: &str, span: &Span, reporter: &mut Reporter) -> String {
        match self.surroundings.environment.get(name) {
            Some(value) => value.clone(),
            None => {
                let message =
                    format!("`{}`: this is not set in the environment", reporter.quote(span));
                reporter.ignored(Diagnostic::at(span, message));
                String::new()
            }
        }
    }

    /// `[LEAST [MOST]]`
    fn random(&mut self, arguments: &str, span: &Span, reporter: &mut Reporter) -> u64 {
        let numbers: Vec<Option<u64>> =
            arguments.split_whitespace().map(|word| word.parse().ok()).collect();
        let (least, most) = match numbers.as_slice() {
            [] => (0, LARGEST_RANDOM),
            [Some(least)] => (*least, LARGEST_RANDOM.max(*least)),
            [Some(least), Some(most)] if least <= most => (*least, *most),
            _ => {
                reporter.error(Diagnostic::at(
                    span,
                    "`_RANDOM` takes the least and the greatest number: ${_RANDOM 1 100}",
                ));
                return 0;
            }
        };
        // Knuth's MMIX generator; the upper half is the better one.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let reach = u128::from(most - least) + 1;
        least + u64::try_from((u128::from(self.random) * reach) >> 64).unwrap_or(0)
    }
}
