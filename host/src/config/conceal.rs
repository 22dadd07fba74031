//! Keeps secrets that stand literally in a file out of what is shown of it. References (`${env:X}`) are safe to show and
//! stay; the value beside a key that sounds like a secret becomes stars, byte for byte, so that carets still fit.

/// What a value is shown as when it must not be shown.
pub(super) const REDACTED: &str = "<redacted>";

const WORDS: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passphrase",
    "credential",
    "authorization",
    "basic_auth",
    "api_key",
    "access_key",
    "private_key",
];

/// Whether the value of a key of this name is probably secret: the name, but for a slip of the pen, says so.
pub(super) fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let sounds = |word: &&str| key.contains(*word) || strsim::damerau_levenshtein(&key, word) == 1;
    // `token_file` and the like name a place, not the secret.
    !key.ends_with("_file") && WORDS.iter().any(sounds)
}

/// The text with literal secrets starred out. Same length, same lines.
pub(super) fn conceal(text: &str) -> String {
    text.split_inclusive('\n').map(|line| conceal_passwords_in_urls(&conceal_values(line))).collect()
}

/// Stars the line from the first `key =` on whose key sounds secret.
fn conceal_values(line: &str) -> String {
    let secret = |at: &usize| {
        let key = last_word(line.get(..*at).unwrap_or_default());
        // `value` is the secret of a header; elsewhere it is too plain a word to hide.
        key == "value" || sounds_secret(key)
    };
    match line.match_indices('=').map(|(at, _)| at).find(secret) {
        Some(at) => {
            let (key, value) = line.split_at(at);
            format!("{key}{}", stars(value))
        }
        None => line.to_owned(),
    }
}

/// The key that ends the text, where an `=` follows.
fn last_word(text: &str) -> &str {
    let text = text.trim_end();
    text.rsplit(|c: char| !(c.is_alphanumeric() || "_-.\"'".contains(c))).next().unwrap_or(text)
}

/// Stars for everything but punctuation and references.
fn stars(mut text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    while let Some(c) = text.chars().next() {
        let kept = match text.find('}') {
            Some(end) if text.starts_with("${") => end + 1,
            Some(_) | None if " \t\r\n\"'[]{},=#".contains(c) => c.len_utf8(),
            Some(_) | None => 0,
        };
        let (keep, rest) = text.split_at(kept);
        shown.push_str(keep);
        text = if kept > 0 {
            rest
        } else {
            shown.extend(std::iter::repeat_n('*', c.len_utf8()));
            rest.split_at(c.len_utf8()).1
        };
    }
    shown
}

/// Stars the `user:password` of `scheme://user:password@host`.
fn conceal_passwords_in_urls(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let authority = after.find(['/', '"', '\'', ' ', '?', '#']).unwrap_or(after.len());
        let user = after.get(..authority).and_then(|authority| authority.rfind('@')).unwrap_or(0);
        let (user, after) = after.split_at(user);
        shown.push_str(&stars(user));
        rest = after;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_secrets_become_stars_and_nothing_moves() {
        for (line, shown) in [
            (r#"token = "abc.def""#, r#"token = "*******""#),
            (r#"bearer_token="a=b" # why"#, r#"bearer_token="*=*" # ***"#),
            (r#"auth_token = "Bearer ${env:T}""#, r#"auth_token = "****** ${env:T}""#),
            (r#"token = "${env:T}""#, r#"token = "${env:T}""#),
            (r#"tokn = "abc""#, r#"tokn = "***""#),
            (r#"token_file = "/run/t""#, r#"token_file = "/run/t""#),
            (r#"auth = { user = "u", password = "pä" }"#, r#"auth = { user = "u", password = "***" }"#),
            (r#"url = "http://me:pw@host/x""#, r#"url = "http://*****@host/x""#),
            (r#"url = "http://host/a@b""#, r#"url = "http://host/a@b""#),
            ("batch_size = 5\r\n", "batch_size = 5\r\n"),
        ] {
            assert_eq!(conceal(line), shown);
            assert_eq!(conceal(line).len(), line.len());
        }
    }
}
