//! Matrices in somebody else's memory.

use std::marker::PhantomData;
use std::ops::Range;

use crate::error::{Error, Result};

/// A matrix to read, with any strides: element `[i, j]` is `data[i·row_stride + j·column_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// One past the largest index of a matrix, if it fits into a number.
#[inline(always)]
fn extent(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> Option<usize> {
    if rows == 0 || columns == 0 {
        return Some(0);
    }
    let last_row = (rows - 1).checked_mul(row_stride)?;
    let last_column = (columns - 1).checked_mul(column_stride)?;
    last_row.checked_add(last_column)?.checked_add(1)
}

impl<'a> View<'a> {
    /// A matrix with any strides, also overlapping ones such as a stride of 0 that repeats a row.
    ///
    /// # Errors
    /// When the data is too short.
    #[inline(always)]
    pub fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> Result<Self> {
        match extent(rows, columns, row_stride, column_stride) {
            Some(length) if length <= data.len() => Ok(View { data, rows, columns, row_stride, column_stride }),
            _ => Err(too_short(data.len(), rows, columns, row_stride, column_stride)),
        }
    }

    /// A matrix whose rows follow each other without gaps.
    ///
    /// # Errors
    /// When the data is too short.
    #[inline(always)]
    pub fn row_major(data: &'a [f32], rows: usize, columns: usize) -> Result<Self> {
        View::new(data, rows, columns, columns, 1)
    }

    /// The same memory with rows and columns exchanged.
    #[inline(always)]
    pub fn transposed(self) -> Self {
        View {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Some rows and columns of it.
    ///
    /// # Panics
    /// When they do not exist.
    #[inline(always)]
    pub fn block(&self, rows: Range<usize>, columns: Range<usize>) -> View<'a> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        assert!(columns.start <= columns.end && columns.end <= self.columns, "columns {columns:?} of {}", self.columns);
        let (row_count, column_count) = (rows.len(), columns.len());
        let empty = row_count == 0 || column_count == 0;
        let data = if empty { &[] } else { self.from(rows.start, columns.start) };
        View { data, rows: row_count, columns: column_count, ..*self }
    }

    /// A row of a matrix whose rows are contiguous.
    ///
    /// # Panics
    /// When there is no such row, or its elements lie apart.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &'a [f32] {
        assert!(row < self.rows && self.column_stride == 1, "row {row} of {}", self.rows);
        if self.columns == 0 { &[] } else { &self.data[row * self.row_stride..][..self.columns] }
    }

    /// The number of rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    #[inline(always)]
    pub fn columns(&self) -> usize {
        self.columns
    }

    #[inline(always)]
    pub(super) fn row_stride(&self) -> usize {
        self.row_stride
    }

    #[inline(always)]
    pub(super) fn column_stride(&self) -> usize {
        self.column_stride
    }

    /// The memory from element `[row, column]` on; nothing if the matrix has no elements.
    #[inline(always)]
    pub(super) fn from(&self, row: usize, column: usize) -> &'a [f32] {
        if self.rows == 0 || self.columns == 0 {
            return &[];
        }
        &self.data[row * self.row_stride + column * self.column_stride..]
    }
}

/// A row-major matrix to write: element `[i, j]` lies at `i·row_stride + j`.
#[derive(Debug)]
pub struct Output<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    memory: PhantomData<&'a mut [f32]>,
}

impl<'a> Output<'a> {
    /// A matrix whose rows begin `row_stride ≥ columns` elements apart.
    ///
    /// # Errors
    /// When the data is too short or rows overlap.
    #[inline(always)]
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Result<Self> {
        let overlap = rows > 1 && row_stride < columns;
        match extent(rows, columns, row_stride, 1) {
            // SAFETY: all elements lie in the slice, which is borrowed for writing.
            Some(length) if length <= data.len() && !overlap => {
                Ok(unsafe { Output::from_raw(data.as_mut_ptr(), rows, columns, row_stride) })
            }
            _ => Err(too_short(data.len(), rows, columns, row_stride, 1)),
        }
    }

    /// A matrix whose rows follow each other without gaps.
    ///
    /// # Errors
    /// When the data is too short.
    #[inline(always)]
    pub fn row_major(data: &'a mut [f32], rows: usize, columns: usize) -> Result<Self> {
        Output::new(data, rows, columns, columns)
    }

    /// A matrix between whose rows lies memory of others.
    ///
    /// # Safety
    /// All elements exist, nobody else uses them while this value lives, and rows do not overlap.
    #[inline(always)]
    pub(in crate::device::cpu) unsafe fn from_raw(
        start: *mut f32,
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Self {
        Output { start, rows, columns, row_stride, memory: PhantomData }
    }

    /// The number of rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    #[inline(always)]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A row.
    ///
    /// # Panics
    /// When there is no such row.
    #[inline(always)]
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row exists, and this value is borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.row_stride), self.columns) }
    }

    /// Some of its rows.
    ///
    /// # Panics
    /// When they do not exist.
    #[inline(always)]
    pub fn part(&mut self, rows: Range<usize>) -> Output<'_> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let offset = if rows.is_empty() { 0 } else { rows.start * self.row_stride };
        Output { start: self.start.wrapping_add(offset), rows: rows.len(), memory: PhantomData, ..*self }
    }

    #[inline(always)]
    pub(super) fn raw(&mut self) -> Target {
        Target { start: self.start, row_stride: self.row_stride }
    }
}

/// Where results go: row i begins at `start + i·row_stride`. Threads write to disjoint rows of it.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub start: *mut f32,
    pub row_stride: usize,
}

// SAFETY: it stands for an exclusive borrow; who shares it gives each thread rows of its own.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Target {
    /// The beginning of a row.
    ///
    /// # Safety
    /// The row exists.
    #[inline(always)]
    pub unsafe fn row(self, row: usize) -> *mut f32 {
        // SAFETY: by the caller.
        unsafe { self.start.add(row * self.row_stride) }
    }
}

#[cold]
fn too_short(length: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> Error {
    Error::shape(
        "matrix product",
        format!(
            "{length} elements cannot hold a {rows} × {columns} matrix with strides {row_stride} and {column_stride}; \
             give the whole matrix, and rows that do not overlap where it is written"
        ),
    )
}
