//! A table of the page: words begin at the left and figures end at the right, in the headings as in the rows.

use std::fmt::Write as _;

use super::escape::escape;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct TableColumn {
    heading: &'static str,
    class: &'static str,
}

/// A column of words.
#[must_use]
pub const fn words(heading: &'static str) -> TableColumn {
    TableColumn { heading, class: " class=\"word\"" }
}

/// A column of figures.
#[must_use]
pub const fn figures(heading: &'static str) -> TableColumn {
    TableColumn { heading, class: "" }
}

/// A table that grows by rows.
#[derive(Debug)]
pub struct PageTable {
    columns: Vec<TableColumn>,
    rows: String,
}

impl PageTable {
    /// One without rows.
    #[must_use]
    pub fn new(columns: impl Into<Vec<TableColumn>>) -> Self {
        Self { columns: columns.into(), rows: String::new() }
    }

    /// Returns true if it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row: a cell for each column.
    pub fn add(&mut self, cells: &[String]) {
        self.add_with_hint(cells, "");
    }

    /// Adds a row that says more when it is pointed at, where there is more to say.
    pub fn add_with_hint(&mut self, cells: &[String], hint: &str) {
        let hint = if hint.is_empty() { String::new() } else { format!(" title=\"{}\"", escape(hint)) };
        self.rows += "<tr>";
        for (column, cell) in self.columns.iter().zip(cells) {
            // Writing to a string does not fail.
            let _ = write!(self.rows, "<td{}{hint}>{}</td>", column.class, escape(cell));
        }
        self.rows += "</tr>\n";
    }

    /// As HTML.
    #[must_use]
    pub fn html(&self) -> String {
        let mut html = String::from("<div class=\"wide\"><table>\n<thead><tr>");
        for column in &self.columns {
            let _ = write!(html, "<th{}>{}</th>", column.class, escape(column.heading));
        }
        html += "</tr></thead>\n<tbody>\n";
        html += &self.rows;
        html += "</tbody>\n</table></div>\n";
        html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_stand_as_their_columns_do_and_nothing_in_a_cell_is_html() {
        let mut table = PageTable::new([words("what"), figures("how many")]);
        assert!(table.is_empty());
        table.add(&["<b>".into(), "1".into()]);
        table.add_with_hint(&["x".into(), "2".into()], "why \"so\"");
        let html = table.html();
        assert!(html.contains("<th class=\"word\">what</th><th>how many</th>"), "{html}");
        assert!(html.contains("<td class=\"word\">&lt;b&gt;</td><td>1</td>"), "{html}");
        assert!(html.contains("title=\"why &quot;so&quot;\">2</td>"), "{html}");
    }
}
