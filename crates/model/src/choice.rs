//! Settings that are one of a few words. The words are written once: TOML, JSON, metrics and
//! messages all take them from here.

/// Defines an enum of words: `Variant = "word"`.
///
/// It reads and writes the words with serde, prints them, and lists its values in `ALL`. The
/// default, where there is one, is named by `#[default]`.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$of_variant:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$of_variant])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// In the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As files, JSON and metrics have it.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.label())
            }
        }
    };
}

pub(crate) use choice;

#[cfg(test)]
mod tests {
    use crate::{
        Balance, CheckType, ChecksumForm, DnsRecord, Forward, Fragments, HmacMode, HttpVersion,
        NotifyEvent, Persistence, Protocol, RouteKind, RouteScope, XdpUse,
    };

    /// What serde reads and writes is what messages and metrics show.
    #[test]
    fn a_choice_has_one_word_in_every_language() {
        macro_rules! assert_words {
            ($($name:ident),+) => {
                $(for &value in $name::ALL {
                    let quoted = serde_json::to_string(&value).expect("a word");
                    assert_eq!(quoted, format!("\"{value}\""));
                    assert_eq!(serde_json::from_str::<$name>(&quoted).expect("its value"), value);
                })+
            };
        }
        assert_words!(
            Balance,
            CheckType,
            ChecksumForm,
            DnsRecord,
            Forward,
            Fragments,
            HmacMode,
            HttpVersion,
            NotifyEvent,
            Persistence,
            Protocol,
            RouteKind,
            RouteScope,
            XdpUse
        );
    }
}
