//! How the emulator lays out what the machine keeps tile by tile.
//!
//! The columns of a slice (its output lanes) are cut into *panels* of 64, 32 or 16 columns; a panel holds its columns of
//! all rows, contiguous: `[row][columns]`. A panel of a large layer fits the second-level cache, a row of it the vector
//! registers. The layout does not depend on the lanes of the core.

const SIZES: [usize; 3] = [64, 32, 16];
const LARGEST: usize = SIZES[0];

/// One panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panel {
    /// First column in the slice.
    pub first: usize,
    /// A panel size.
    pub columns: usize,
}

impl Panel {
    /// Where the panel's elements are, in an array of `rows` rows per column.
    pub fn range(&self, rows: usize) -> std::ops::Range<usize> {
        self.first * rows..(self.first + self.columns) * rows
    }
}

/// Columns of a slice of `columns` lanes, filled up to whole panels.
pub fn padded(columns: usize) -> usize {
    columns.next_multiple_of(16)
}

/// The panels of `width` columns, a multiple of 16.
pub fn panels(width: usize) -> impl Iterator<Item = Panel> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let columns = *SIZES.iter().find(|&&size| first + size <= width)?;
        let panel = Panel { first, columns };
        first += columns;
        Some(panel)
    })
}

/// The panel of a column.
pub fn panel_of(width: usize, column: usize) -> Panel {
    let whole = width / LARGEST * LARGEST;
    if column < whole {
        return Panel { first: column / LARGEST * LARGEST, columns: LARGEST };
    }
    let mut first = whole;
    for size in [32, 16] {
        if (width - whole) & size != 0 {
            if column < first + size {
                return Panel { first, columns: size };
            }
            first += size;
        }
    }
    Panel { first, columns: 16 }
}

/// A vector of integers whose first element starts a cache line.
#[derive(Clone, Debug, Default)]
pub struct Aligned<T> {
    data: Vec<T>,
    first: usize,
    length: usize,
}

const LINE: usize = 64;

impl<T: Copy + Default> Aligned<T> {
    /// `length` zeros.
    pub fn zeros(length: usize) -> Self {
        let data = vec![T::default(); length + LINE / size_of::<T>()];
        // Nothing but speed depends on the alignment, so that a clone may lose it.
        let first = data.as_ptr().align_offset(LINE).min(LINE / size_of::<T>());
        Self { data, first, length }
    }

    /// Makes room for `length` elements; what they hold is unspecified.
    pub fn reserve(&mut self, length: usize) {
        if self.length < length {
            *self = Self::zeros(length);
        }
    }
}

impl<T> std::ops::Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[self.first..self.first + self.length]
    }
}

impl<T> std::ops::DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[self.first..self.first + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_cover_every_column_once() {
        for width in (16..=1024).step_by(16) {
            let mut next = 0;
            for panel in panels(width) {
                assert_eq!(panel.first, next);
                next += panel.columns;
                for column in panel.first..next {
                    assert_eq!(panel_of(width, column), panel, "column {column} of {width}");
                }
            }
            assert_eq!(next, width);
        }
    }
}
