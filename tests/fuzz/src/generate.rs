//! Texts made up out of the fuzzer's bytes: JSON in odd spellings, and times.

use arbitrary::{Result, Unstructured};

/// A text: often one that others could take for a part of a record.
pub(super) fn text(bytes: &mut Unstructured<'_>) -> Result<String> {
    const ODD: [&str; 12] =
        ["", "a", "\",\"logs\":[", "],\"result\":{", "\\", "\"", ",", "\n", "\0", "\u{7f}", "앨리스", "\u{2028}"];
    if bytes.ratio(1, 2)? { Ok((*bytes.choose(&ODD)?).to_owned()) } else { bytes.arbitrary() }
}

/// A text as a JSON string: plain, or with every character escaped.
pub(super) fn string(bytes: &mut Unstructured<'_>) -> Result<String> {
    let text = text(bytes)?;
    Ok(if bytes.ratio(1, 3)? { escaped(&text) } else { serde_json::to_string(&text).unwrap() })
}

fn escaped(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    format!("\"{units}\"")
}

/// Any JSON, so many levels deep at most.
pub(super) fn json(bytes: &mut Unstructured<'_>, depth: usize) -> Result<String> {
    const PLAIN: [&str; 14] = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.50",
        "-0.0",
        "1E+2",
        "1e400",
        "123456789012345678901234567890",
        "{}",
        "[]",
        "\"\\ud800\"",
        "\"\\/\"",
    ];
    Ok(match bytes.int_in_range(0..=if depth == 0 { 1 } else { 3 })? {
        0 => (*bytes.choose(&PLAIN)?).to_owned(),
        1 => string(bytes)?,
        2 => array(bytes, |bytes| json(bytes, depth - 1))?,
        _ => object(bytes, depth)?,
    })
}

/// A JSON object, so many levels deep at most.
pub(super) fn object(bytes: &mut Unstructured<'_>, depth: usize) -> Result<String> {
    let count = bytes.int_in_range(0..=3)?;
    let field = |bytes: &mut Unstructured<'_>| Ok((string(bytes)?, json(bytes, depth.saturating_sub(1))?));
    let fields: Vec<(String, String)> = (0..count).map(|_| field(bytes)).collect::<Result<_>>()?;
    fields_in(bytes, &fields)
}

/// A JSON object of these fields, whose names are JSON strings.
pub(super) fn fields_in(bytes: &mut Unstructured<'_>, fields: &[(String, String)]) -> Result<String> {
    let space = space(bytes)?;
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}{space}:{space}{value}")).collect();
    Ok(format!("{{{space}{}{space}}}", fields.join(&format!("{space},"))))
}

/// A JSON array of some of these.
pub(super) fn array(
    bytes: &mut Unstructured<'_>,
    mut item: impl FnMut(&mut Unstructured<'_>) -> Result<String>,
) -> Result<String> {
    let count = bytes.int_in_range(0..=3)?;
    let items: Vec<String> = (0..count).map(|_| item(bytes)).collect::<Result<_>>()?;
    let space = space(bytes)?;
    Ok(format!("[{space}{}]", items.join(&format!("{space},{space}"))))
}

fn space(bytes: &mut Unstructured<'_>) -> Result<&'static str> {
    Ok(*bytes.choose(&["", "", "", " ", "\n\t"])?)
}

/// A time in one of the spellings that others use, mostly one that can be read.
pub(super) fn time(bytes: &mut Unstructured<'_>) -> Result<String> {
    if bytes.ratio(1, 6)? {
        let numbers = ["0", "-1", "1763341216", "1763341216.515926", "1763341216515", "253402300799999", "20000000000"];
        return Ok((*bytes.choose(&numbers)?).to_owned());
    }
    let year = *bytes.choose(&["0001", "1905", "1969", "2025", "2025", "9999"])?;
    let day = *bytes.choose(&["01-01", "11-17", "12-31"])?;
    let separator = *bytes.choose(&["T", " ", "_", "t"])?;
    let (hour, minute, second): (u8, u8, u8) =
        (bytes.int_in_range(0..=23)?, bytes.int_in_range(0..=59)?, bytes.int_in_range(0..=59)?);
    let fraction = *bytes.choose(&["", ".5", ",25", ".999999", ".000001", ".9999999"])?;
    let offset = *bytes.choose(&["Z", "+00:00", "+09:00", "-0930", "\u{2212}23:59", "+23:59", ""])?;
    Ok(format!("{year}-{day}{separator}{hour:02}:{minute:02}:{second:02}{fraction}{offset}"))
}
