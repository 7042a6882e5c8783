//! `application.csv`: figures of a cell's application that no other file has.

use super::columns::columns;

columns! {
    /// One figure of one cell.
    pub struct FigureRow {
        /// The name of the figure.
        figure: String,
        /// Its value; empty where it is not known.
        value: Option<f64>,
        /// The unit of the value.
        unit: String,
    }
}
