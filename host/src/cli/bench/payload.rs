//! What is published: JSON documents like those of a shop, of a given size.

/// A document of `bytes` bytes with five strings in it, the `n`th of its kind.
pub(super) fn document(n: usize, bytes: usize) -> String {
    let head =
        format!(r#"{{"order":"{n:012}","customer":"ada lovelace","city":"Zürich","item":"teapot, blue","note":""#);
    let note = "x".repeat(bytes.saturating_sub(head.len() + 2));
    format!("{head}{note}\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_json_of_the_size_asked_for() {
        for bytes in [500, 1024, 1 << 20] {
            let text = document(7, bytes);
            assert_eq!(text.len(), bytes);
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
