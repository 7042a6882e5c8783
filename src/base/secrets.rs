//! The secrets of this process, struck out by value of whatever is said or written, and found in what was typed.
//!
//! Whoever reads a secret gives it to [`learn`]; whatever leaves the program goes through [`strike`]. Which part of
//! hotset, of a driver or of a server has put a secret into a text is therefore of no importance.

mod typed;

use std::borrow::Cow;
use std::ops::Range;

use parking_lot::RwLock;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use self::typed::in_urls;
pub use self::typed::{in_typed, is_secret_name, is_variable};

/// The text that is shown instead of a secret.
pub const STRUCK: &str = "***";

/// The characters that have to be encoded in a user, a password or a value of a query: everything but RFC 3986's
/// unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The characters that the parser of URLs encodes by itself in a user and a password.
const USERINFO: &AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'=')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'|');

/// A shorter secret may stand in any word.
const FEWEST_LETTERS: usize = 4;
/// A secret of fewer letters is struck out where it is a word of its own.
const FEWEST_WITHIN_WORDS: usize = 8;
/// Fewer digits may be a figure.
const FEWEST_DIGITS: usize = 9;
/// hotset's own words, which are not struck out of its files because somebody's password is one of them.
const VOCABULARY: [&str; 3] = [
    include_str!("../../docs/settings.md"),
    include_str!("../../docs/columns.md"),
    include_str!("../../docs/results.md"),
];
static KNOWN: RwLock<Vec<Form>> = RwLock::new(Vec::new());

/// One way to write a secret.
#[derive(Debug, Clone)]
struct Form {
    text: String,
    standing: Standing,
}

/// Where a text is taken for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Wherever it occurs.
    Anywhere,
    /// Where no letter and no digit is beside it.
    AsWord,
    /// Where a password stands, since it may be anything else in other places.
    AsPassword,
}

impl Standing {
    fn of(text: &str) -> Self {
        let letters = text.chars().count();
        let is_figure =
            letters < FEWEST_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if letters < FEWEST_LETTERS || is_figure || is_ordinary(text) {
            Self::AsPassword
        } else if letters < FEWEST_WITHIN_WORDS {
            Self::AsWord
        } else {
            Self::Anywhere
        }
    }
}

fn is_ordinary(text: &str) -> bool {
    VOCABULARY.iter().any(|words| words.contains(text))
}

/// Keeps a secret in mind: from now on [`strike`] takes it out, however it is encoded or quoted.
pub fn learn(secret: &str) {
    if secret.is_empty() || secret == STRUCK || is_variable(secret) {
        return;
    }
    let mut known = KNOWN.write();
    for text in forms(secret) {
        if known.iter().all(|form| form.text != text) {
            let standing = Standing::of(&text);
            known.push(Form { text, standing });
        }
    }
    // A secret that is part of another must not leave the rest of that one standing.
    known.sort_by_key(|form| std::cmp::Reverse(form.text.len()));
}

/// Keeps everything in mind that may be a secret in a text that somebody typed.
pub fn learn_all(typed: &str) {
    for at in in_typed(typed) {
        learn(&typed[at]);
    }
}

/// The ways in which a secret may be written.
fn forms(secret: &str) -> Vec<String> {
    let decoded = percent_decode_str(secret).decode_utf8_lossy().into_owned();
    let mut forms = vec![secret.to_owned(), decoded.clone()];
    for plain in [secret, &decoded] {
        forms.push(encode(plain));
        forms.push(utf8_percent_encode(plain, USERINFO).to_string());
        // As TOML, JSON, Rust's `Debug`, CSV and HTML quote it.
        forms.push(plain.replace('\\', "\\\\").replace('"', "\\\""));
        forms.push(plain.escape_debug().to_string());
        forms.push(plain.replace('"', "\"\""));
        let html =
            plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        forms.push(html.replace('\'', "&#39;"));
        forms.push(html);
    }
    let lower: Vec<_> = forms.iter().filter(|form| form.contains('%')).map(|form| lower_hex(form)).collect();
    forms.extend(lower);
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// `%3F` as `%3f`.
fn lower_hex(encoded: &str) -> String {
    let mut left = 0;
    let lower = encoded.chars().map(|letter| match letter {
        '%' => {
            left = 2;
            letter
        }
        _ if left > 0 => {
            left -= 1;
            letter.to_ascii_lowercase()
        }
        _ => letter,
    });
    lower.collect()
}

/// A text as it stands in a user, a password or a query of a URL.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The text without any secret that is known, and without the password of any URL.
#[must_use]
pub fn strike(text: &str) -> Cow<'_, str> {
    struck(text, |_| true)
}

/// As [`strike`], for a page or a drawing, which has words of its own that may be somebody's password.
#[must_use]
pub fn strike_markup(text: &str) -> Cow<'_, str> {
    struck(text, |form| {
        form.standing == Standing::Anywhere
            && form.text.bytes().any(|byte| !byte.is_ascii_lowercase() && byte != b'-')
    })
}

fn struck(text: &str, counts: impl Fn(&Form) -> bool) -> Cow<'_, str> {
    let mut struck = Cow::Borrowed(text);
    for form in KNOWN.read().iter().filter(|form| counts(form)) {
        if struck.contains(&form.text) {
            struck = Cow::Owned(without(&struck, form));
        }
    }
    let passwords = in_urls(&struck);
    if passwords.is_empty() { struck } else { Cow::Owned(replaced(&struck, &passwords, |_| STRUCK.into())) }
}

fn without(text: &str, form: &Form) -> String {
    let found = text.match_indices(&form.text).map(|(at, found)| at..at + found.len());
    let stands = |at: &Range<usize>| match form.standing {
        Standing::Anywhere => true,
        Standing::AsWord => is_word(text, at),
        Standing::AsPassword => is_password(text, at),
    };
    replaced(text, &found.filter(stands).collect::<Vec<_>>(), |_| STRUCK.into())
}

fn is_word(text: &str, at: &Range<usize>) -> bool {
    let beside = [text[..at.start].chars().next_back(), text[at.end..].chars().next()];
    !beside.into_iter().flatten().any(char::is_alphanumeric)
}

fn is_password(text: &str, at: &Range<usize>) -> bool {
    let before = text[..at.start].trim_end_matches(['"', '\'', '`', '\\']);
    let is_named = ["password=", "password: ", "password ", "pass=", "AUTH ", "secret="].iter().any(|name| {
        before.len() >= name.len()
            && before.is_char_boundary(before.len() - name.len())
            && before[before.len() - name.len()..].eq_ignore_ascii_case(name)
    });
    is_named && is_word(text, at) || before.ends_with(':') && text[at.end..].starts_with('@')
}

/// Replaces ranges of a text, which are in their order and do not overlap.
#[must_use]
pub fn replaced(text: &str, ranges: &[Range<usize>], instead: impl Fn(&str) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for range in ranges {
        shown.push_str(&text[from..range.start]);
        shown.push_str(&instead(&text[range.clone()]));
        from = range.end;
    }
    shown.push_str(&text[from..]);
    shown
}

/// A text that somebody typed, without what may be a secret in it, known or not.
#[must_use]
pub fn strike_typed(typed: &str) -> String {
    strike(&replaced(typed, &in_typed(typed), |_| STRUCK.into())).into_owned()
}

/// A writer that is given whole texts, and hands them on without secrets.
#[derive(Debug)]
pub struct Striking<W>(pub W);

impl<W: std::io::Write> std::io::Write for Striking<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(buffer);
        self.0.write_all(strike(&text).as_bytes())?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> String {
        replaced(text, &in_typed(text), |_| STRUCK.into())
    }

    #[test]
    fn a_secret_is_struck_out_however_it_is_encoded_or_quoted() {
        learn("Qu7?x\"y@z&1");
        for written in [
            "Qu7?x\"y@z&1",
            "Qu7%3Fx%22y%40z%261",
            "Qu7%3fx%22y%40z%261",
            "Qu7%3Fx%22y%40z&1",
            r#"Qu7?x\"y@z&1"#,
            "Qu7?x\"\"y@z&1",
            "Qu7?x&quot;y@z&amp;1",
        ] {
            assert_eq!(strike(&format!("said {written}, then")), "said ***, then");
        }
        learn("enc%20Od%3Fed9");
        assert_eq!(strike("enc Od?ed9 and enc%20Od%3Fed9"), "*** and ***");
    }

    #[test]
    fn a_secret_that_is_part_of_another_leaves_nothing_of_it() {
        learn("Zebra77x");
        learn("Zebra77x-and-more");
        assert_eq!(strike("Zebra77x-and-more, Zebra77x"), "***, ***");
    }

    #[test]
    fn a_short_secret_a_figure_and_an_ordinary_word_are_struck_out_only_where_a_password_stands() {
        for secret in ["a", "re", "x7q", "123456", "cache-aside", "hit_rate", "strategy"] {
            learn(secret);
            let text = format!("a cache-aside reads {secret} again: hit_rate 123456, strategy x7q");
            assert_eq!(strike(&text), text);
            let url = format!("redis://u:{secret}@host and password={secret}, AUTH {secret}");
            assert_eq!(strike(&url), "redis://u:***@host and password=***, AUTH ***", "{secret}");
        }
    }

    #[test]
    fn a_secret_of_a_few_letters_is_struck_out_as_a_word_and_not_within_others() {
        learn("vqxz");
        assert_eq!(strike("vqxz, 'vqxz' :vqxz@ avqxzb"), "***, '***' :***@ avqxzb");
    }

    #[test]
    fn passwords_of_urls_are_struck_out_of_any_text_and_nothing_else_is() {
        let text = "a \"redis://:p@ss@h:1/\", 'mongodb+srv://u:q@h/?tlsCertificateKeyFilePassword=r&w=1' and redis://h";
        let shown = "a \"redis://:***@h:1/\", 'mongodb+srv://u:***@h/?tlsCertificateKeyFilePassword=***&w=1' and redis://h";
        assert_eq!(strike(text), shown);
        for plain in [
            "redis://:********@h",
            "nothing: //here@all",
            "https://a:b@c",
            "redis://:${PASSWORD}@h",
            "mongodb://user@h",
        ] {
            assert_eq!(strike(plain), plain);
        }
    }

    #[test]
    fn what_may_be_a_secret_is_found_in_what_was_typed_wrongly() {
        for (text, shown) in [
            ("redis://:s3cr?tpw@h:1", "redis://:***@h:1"),
            ("url = 'redis://:s3cr\"t/p#w@h:1'", "url = 'redis://:***@h:1'"),
            ("url = \"redis://:s3cret", "url = \"redis://:***"),
            ("redis://user:s3cret", "redis://user:***"),
            ("redis://s3cret@h", "redis://***@h"),
            ("redis://:1234\"x@h", "redis://:***@h"),
            ("://:s3cret@h", "://:***@h"),
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("redis://[::1]:6379", "redis://[::1]:6379"),
            ("unix:///run/redis.sock?pass=s3cret&db=1", "unix:///run/redis.sock?pass=***&db=1"),
            ("[\"redis://:a@h\", \"redis://:b@h\"]", "[\"redis://:***@h\", \"redis://:***@h\"]"),
            ("password = \"s3cret\" # mine", "password = \"***\" # mine"),
            ("{ requirepass = 's3cr\"et', url = 1 }", "{ requirepass = '***', url = 1 }"),
            ("secret=s3cret", "secret=***"),
            ("secret = \"${NAME}\"", "secret = \"${NAME}\""),
            ("a secret is no setting", "a secret is no setting"),
            ("keys = 5", "keys = 5"),
        ] {
            assert_eq!(typed(text), shown);
        }
    }

    #[test]
    fn a_secret_in_a_url_is_encoded_so_that_nothing_in_it_ends_a_part_of_the_url() {
        assert_eq!(encode("s3cr?t:/@#%\"é"), "s3cr%3Ft%3A%2F%40%23%25%22%C3%A9");
        assert_eq!(encode("plain-._~9"), "plain-._~9");
    }
}
