//! Where a message of the Redis protocol ends. Nothing here knows what it means, but for the words of a request.

/// The length of the complete message at the start of `bytes`; `None` if more of it has to come.
pub fn message_length(bytes: &[u8]) -> Option<usize> {
    let (head, mut length) = line(bytes)?;
    let (&kind, size) = head.split_first()?;
    match kind {
        b'$' | b'!' | b'=' => match number(size) {
            Some(size) => length.checked_add(size + 2).filter(|&end| end <= bytes.len()),
            None => Some(length),
        },
        b'*' | b'~' | b'>' | b'%' | b'|' => {
            let values = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
            for _ in 0..number(size).unwrap_or(0) * values {
                length += message_length(&bytes[length..])?;
            }
            // An attribute comes before the value that it describes.
            if kind == b'|' {
                length += message_length(&bytes[length..])?;
            }
            Some(length)
        }
        _ => Some(length),
    }
}

/// The words of a complete request: its command and arguments.
pub fn words(request: &[u8]) -> Vec<&[u8]> {
    let Some((head, mut at)) = line(request) else { return Vec::new() };
    if !head.starts_with(b"*") {
        return head.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
    }
    let mut words = Vec::new();
    while let Some((head, start)) = line(&request[at..]) {
        let size = head.get(1..).and_then(number).unwrap_or(0);
        let word = at + start;
        words.push(request.get(word..word + size).unwrap_or_default());
        at = (word + size + 2).min(request.len());
    }
    words
}

/// The first line without its end, and where the next one begins.
fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], end + 2))
}

/// A size; `None` for the -1 of an absent value.
fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_complete_only_with_its_last_byte() {
        for message in [
            "+OK\r\n",
            "-ERR no\r\n",
            ":12\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$6\r\na\r\nb\r\n\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
            "*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
            "%1\r\n+k\r\n*1\r\n_\r\n",
            "|1\r\n+k\r\n+v\r\n:7\r\n",
            ">2\r\n+message\r\n$1\r\nx\r\n",
            "PING\r\n",
        ] {
            let bytes = message.as_bytes();
            for end in 0..bytes.len() {
                assert_eq!(message_length(&bytes[..end]), None, "{:?}", &message[..end]);
            }
            assert_eq!(message_length(&[bytes, b"+next\r\n"].concat()), Some(bytes.len()), "{message:?}");
        }
    }

    #[test]
    fn the_words_of_a_request_may_hold_any_bytes() {
        assert_eq!(words(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n\r\n\r\n"), [&b"SET"[..], b"k", b"\r\n\r\n"]);
        assert_eq!(words(b"GET  k\r\n"), [&b"GET"[..], b"k"]);
    }
}
