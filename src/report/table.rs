//! A table of the page: words begin at the left and figures end at the right, in the headings as in the rows.

use maud::{Markup, html};

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct TableColumn {
    heading: &'static str,
    is_words: bool,
}

/// A column of words.
#[must_use]
pub const fn words(heading: &'static str) -> TableColumn {
    TableColumn { heading, is_words: true }
}

/// A column of figures.
#[must_use]
pub const fn figures(heading: &'static str) -> TableColumn {
    TableColumn { heading, is_words: false }
}

/// A table that grows by rows.
#[derive(Debug)]
pub struct PageTable {
    caption: String,
    columns: Vec<TableColumn>,
    rows: Vec<(Vec<String>, String)>,
}

impl PageTable {
    /// One without rows. The caption says what it shows, for those who do not see what stands around it.
    #[must_use]
    pub fn new(caption: impl Into<String>, columns: impl Into<Vec<TableColumn>>) -> Self {
        Self { caption: caption.into(), columns: columns.into(), rows: Vec::new() }
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
        self.rows.push((cells.to_vec(), hint.to_owned()));
    }

    /// As HTML.
    #[must_use]
    pub fn html(&self) -> Markup {
        let class = |column: &TableColumn| column.is_words.then_some("word");
        html! {
            div.wide {
                table {
                    caption.unseen { (self.caption) }
                    thead { tr {
                        @for column in &self.columns {
                            th scope="col" class=[class(column)] { (column.heading) }
                        }
                    } }
                    tbody {
                        @for (cells, hint) in &self.rows {
                            tr title=[(!hint.is_empty()).then_some(hint)] {
                                @for (at, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
                                    @if at == 0 {
                                        th scope="row" class=[class(column)] { (cell) }
                                    } @else {
                                        td class=[class(column)] { (cell) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_stand_as_their_columns_do_and_nothing_in_a_cell_is_html() {
        let mut table = PageTable::new("what there is", [words("what"), figures("how many")]);
        assert!(table.is_empty());
        table.add(&["<b>".into(), "1".into()]);
        table.add_with_hint(&["x".into(), "2".into()], "why \"so\"");
        let html = table.html().into_string();
        assert!(
            html.contains("<th scope=\"col\" class=\"word\">what</th><th scope=\"col\">how many</th>"),
            "{html}"
        );
        assert!(html.contains("<th scope=\"row\" class=\"word\">&lt;b&gt;</th><td>1</td>"), "{html}");
        assert!(html.contains("<tr title=\"why &quot;so&quot;\">"), "{html}");
    }
}
