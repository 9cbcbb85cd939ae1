//! A letter as a message of RFC 5322: headers, and the two texts as alternatives (RFC 2045 to 2047).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jobs::address::Address;

use super::template::Letter;

/// RFC 2045 ends a line of quoted-printable here, the soft line break included.
const LINE_MAX: usize = 76;
/// Of the bytes of one encoded word, so that its base64 fits into 75 characters; see RFC 2047.
const WORD_BYTES_MAX: usize = 45;

/// What the headers say beside the letter.
pub struct Envelope<'a> {
    pub from: &'a Address,
    pub to: &'a Address,
    /// Of the form `Fri, 21 Nov 2026 10:00:00 +0000`.
    pub date: &'a str,
    /// Unique, of letters, digits and dashes; the message id and the boundary are made from it.
    pub id: &'a str,
}

/// The whole message, its lines ended by CR LF.
pub fn message(envelope: &Envelope, letter: &Letter) -> String {
    let Envelope { from, to, date, id } = envelope;
    let domain = from.domain();
    // `=_` is in no line of quoted-printable.
    let boundary = format!("=_{id}");
    let mut lines = vec![
        format!("From: {from}"),
        format!("To: {to}"),
        format!("Subject: {}", header_text(&letter.subject)),
        format!("Date: {date}"),
        format!("Message-ID: <{id}@{domain}>"),
        "MIME-Version: 1.0".to_owned(),
        format!("Content-Type: multipart/alternative; boundary=\"{boundary}\""),
        String::new(),
    ];
    // The last alternative is the one that is shown where it can be.
    for (kind, text) in [("plain", &letter.text), ("html", &letter.html)] {
        lines.push(format!("--{boundary}"));
        lines.push(format!("Content-Type: text/{kind}; charset=utf-8"));
        lines.push("Content-Transfer-Encoding: quoted-printable".to_owned());
        lines.push(String::new());
        lines.extend(text.lines().flat_map(quoted_printable));
    }
    lines.push(format!("--{boundary}--"));
    lines.push(String::new());
    lines.join("\r\n")
}

/// Text for a header: as it is if it is plain ASCII, else in encoded words, each on a line of its own.
fn header_text(text: &str) -> String {
    // A line of a header is best kept to 78 characters, and `=?` would be taken for an encoded word.
    let plain = text.len() <= 60 && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if plain && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for character in text.chars() {
        // A character is never divided between two words.
        if words.last().is_some_and(|word| word.len() + character.len_utf8() > WORD_BYTES_MAX) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(character);
        }
    }
    let encoded: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    encoded.join("\r\n ")
}

/// One line of text as lines of quoted-printable, all but the last with a soft line break.
fn quoted_printable(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let bytes = text.as_bytes();
    for (place, byte) in bytes.iter().enumerate() {
        let is_last = place + 1 == bytes.len();
        let piece = match byte {
            // White space at the end of a line would be lost on the way.
            b' ' | b'\t' if !is_last => char::from(*byte).to_string(),
            b'!'..=b'~' if *byte != b'=' => char::from(*byte).to_string(),
            _ => format!("={byte:02X}"),
        };
        // Room for the soft line break.
        if lines.last().is_some_and(|line| line.len() + piece.len() > LINE_MAX - 1) {
            if let Some(line) = lines.last_mut() {
                line.push('=');
            }
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&piece);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn letter(subject: &str, text: &str) -> Letter {
        Letter { subject: subject.into(), text: text.into(), html: "<p>Hi</p>".into() }
    }

    fn sent(letter: &Letter) -> String {
        let (from, to) = ("jobs@example.com".parse().unwrap(), "ann@example.org".parse().unwrap());
        let date = "Sat, 21 Nov 2026 10:00:00 +0000";
        message(&Envelope { from: &from, to: &to, date, id: "0193-a" }, letter)
    }

    #[test]
    fn a_message_is_written_word_for_word() {
        assert_eq!(
            sent(&letter("Welcome, Ann", "Hello Ann,\n\n1 + 1 = 2 \n.\n")),
            "From: jobs@example.com\r\n\
             To: ann@example.org\r\n\
             Subject: Welcome, Ann\r\n\
             Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
             Message-ID: <0193-a@example.com>\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: multipart/alternative; boundary=\"=_0193-a\"\r\n\
             \r\n\
             --=_0193-a\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\
             \r\n\
             Hello Ann,\r\n\
             \r\n\
             1 + 1 =3D 2=20\r\n\
             .\r\n\
             --=_0193-a\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\
             \r\n\
             <p>Hi</p>\r\n\
             --=_0193-a--\r\n"
        );
    }

    #[test]
    fn a_subject_of_other_letters_is_encoded_in_words_that_fit_and_come_whole() {
        let subject = "Grüße ".repeat(30);
        let message = sent(&letter(&subject, ""));
        let start = message.find("Subject: ").unwrap() + "Subject: ".len();
        let header = &message[start..message.find("\r\nDate").unwrap()];
        let mut decoded = String::new();
        for line in header.split("\r\n ") {
            assert!(line.len() <= 75, "{line}");
            let word = line.strip_prefix("=?utf-8?B?").unwrap().strip_suffix("?=").unwrap();
            decoded.push_str(std::str::from_utf8(&STANDARD.decode(word).unwrap()).unwrap());
        }
        assert_eq!(decoded, subject);
    }

    #[test]
    fn long_lines_are_broken_where_they_can_be_put_together_again() {
        let text = format!("{}é={}\t", "x".repeat(74), "y".repeat(2000));
        let lines = quoted_printable(&text);
        assert!(lines.iter().all(|line| line.len() <= 76));
        let mut bytes = Vec::new();
        let joined: String = lines.iter().map(|line| line.strip_suffix('=').unwrap_or(line)).collect();
        let mut rest = joined.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            if *first == b'=' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
                rest = &after[2..];
            } else {
                bytes.push(*first);
                rest = after;
            }
        }
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }

    #[test]
    fn no_value_can_add_a_header_or_a_part() {
        let text = "--=_0193-a\r\nContent-Type: text/html\r\n\r\nX\n--=_0193-a--";
        let message = sent(&letter("=?utf-8?B?eA==?=", text));
        assert_eq!(message.matches("\r\n--=_0193-a").count(), 3);
        assert!(message.contains("\r\n--=3D_0193-a\r\n"), "{message}");
        assert!(message.contains("Subject: =?utf-8?B?PT91dGYtOD9CP2VBPT0/PQ==?=\r\n"), "{message}");
    }
}
