//! Tables that can be pasted in the book, and a plot of bars.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Rows under headings, as Markdown.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!(
        "| {} |\n|{}\n",
        headings.join(" | "),
        " --- |".repeat(headings.len())
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// The machine and the day, for the head of a page.
pub fn machine() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("an unknown processor", |name| {
            name.trim_start_matches([' ', '\t', ':'])
        });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let date = Command::new("date")
        .arg("+%F")
        .output()
        .map(|output| output.stdout);
    let date = String::from_utf8_lossy(&date.unwrap_or_default())
        .trim()
        .to_owned();
    format!("{model}, {cores} cores, {date}")
}

/// A horizontal bar: what it is, and how long.
pub struct Bar {
    /// The text before it.
    pub label: String,
    /// Its length, as a part of the peer's.
    pub ratio: f64,
}

/// Bars against the peer's, whose length is 1, as SVG.
pub fn plot(title: &str, bars: &[Bar]) -> String {
    let (row, left, unit) = (24.0, 300.0, 240.0);
    let height = row * (bars.len() as f64 + 2.0);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="18" font-weight="bold">{title}</text>
"#
    );
    for (index, bar) in bars.iter().enumerate() {
        let y = row * (index as f64 + 1.5);
        let width = (bar.ratio * unit).clamp(1.0, 400.0);
        let colour = if bar.ratio <= 1.0 {
            "#2a7f62"
        } else {
            "#b5523b"
        };
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{}" text-anchor="end">{}</text><rect x="{left}" y="{y}" width="{width}" height="16" fill="{colour}"/><text x="{}" y="{}">{:.2}</text>"#,
            left - 8.0,
            y + 13.0,
            bar.label,
            left + width + 6.0,
            y + 13.0,
            bar.ratio
        );
    }
    let line = left + unit;
    let _ = writeln!(
        svg,
        r##"<line x1="{line}" y1="24" x2="{line}" y2="{height}" stroke="#888" stroke-dasharray="4 3"/>"##
    );
    svg + "</svg>\n"
}

/// Writes a page and its plot into `docs/benchmarks`.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(name: &str, page: &str, plot: &str) -> std::io::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks");
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join(format!("{name}.md")), page)?;
    std::fs::write(dir.join(format!("{name}.svg")), plot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let rows = [vec!["1".to_owned(), "2".to_owned()]];
        assert_eq!(
            table(&["a", "b"], &rows),
            "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
        );
    }
}
