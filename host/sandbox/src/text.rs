//! Text of plugins on its way to people: one line, nothing that a terminal would obey,
//! nothing that turns the reading direction around.

use std::fmt::Write as _;

/// What moves a cursor, hides, or reorders what stands beside it.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            0xad | 0x61c | 0x180e
            // Zero width, directional marks; line and paragraph separators; embeddings and overrides.
            | 0x200b..=0x200f | 0x2028..=0x202e
            // Word joiner, invisible operators, isolates.
            | 0x2060..=0x206f
            // Byte order mark, interlinear annotation, tags and variation selectors' plane.
            | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe0fff
        )
}

/// One line of at most `most` bytes: dangerous characters become their escapes, such as
/// `\n` or `\u{202e}`; what is longer is cut and ends with `…`.
pub fn escaped(text: &str, most: usize) -> String {
    const CUT: &str = "…";
    let mut line = String::new();
    let mut piece = String::new();
    for c in text.chars() {
        piece.clear();
        if is_dangerous(c) {
            match c {
                '\n' => piece.push_str("\\n"),
                '\t' => piece.push(' '),
                other => drop(write!(piece, "{}", other.escape_unicode())),
            }
        } else {
            piece.push(c);
        }
        if line.len().saturating_add(piece.len()) > most {
            while !line.is_empty() && line.len().saturating_add(CUT.len()) > most {
                line.pop();
            }
            line.push_str(CUT);
            break;
        }
        line.push_str(&piece);
    }
    line
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        assert_eq!(escaped("price 5 µ ✓", 100), "price 5 µ ✓");
        assert_eq!(escaped("a\x1b[2Jb\r\nc\u{7}", 100), "a\\u{1b}[2Jb\\u{d}\\nc\\u{7}");
        assert_eq!(
            escaped("\u{202e}drawkcab\u{2066}\u{200b}\u{9b}31m", 100),
            "\\u{202e}drawkcab\\u{2066}\\u{200b}\\u{9b}31m"
        );
        assert_eq!(escaped("abcdefgh", 6), "abc…");
    }

    proptest! {
        #[test]
        fn lines_are_single_and_bounded(text in any::<String>(), most in 4usize..200) {
            let line = escaped(&text, most);
            prop_assert!(line.len() <= most);
            prop_assert!(!line.chars().any(is_dangerous));
        }
    }
}
