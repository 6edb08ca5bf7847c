//! `Y = α · op(A) · op(B) + β · C` with the factors in bfloat16, by the AVX-512 instruction `vdpbf16ps`.
//!
//! B is packed once into panels of [`PANEL`] columns, two rows at a time (the instruction multiplies pairs); then each
//! task takes [`BLOCK`] rows of A, rounds them to pairs that stay in its cache, and runs them against all panels. An
//! element of Y is one sum over all of K in ascending order, so neither threads nor blocks change a bit of it.

use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh, _mm512_cvtneps_pbh,
    _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps,
    _mm512_or_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_storeu_si512,
};

use clinsynth_runtime::ort;

use crate::workers::{Parts, Workers};

/// Floats in a register.
const LANES: usize = 16;
/// Registers across a panel.
const WIDTH: usize = 3;
/// Columns of a packed panel of B.
const PANEL: usize = WIDTH * LANES;
/// Rows of a tile: 8 × 3 sums, 3 columns of B and one broadcast pair of A fill 28 of the 32 registers.
const TILE: usize = 8;
/// Rows of A that a task rounds at a time: with 2,048 columns a quarter of a mebibyte.
const BLOCK: usize = 64;

/// One register's worth of pairs, aligned as the processor likes it.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([u32; LANES]);

/// Which product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Product {
    /// Rows of Y.
    pub(crate) rows: usize,
    /// Columns of Y.
    pub(crate) columns: usize,
    /// Terms of each sum.
    pub(crate) depth: usize,
    /// Whether A is stored `[depth, rows]`.
    pub(crate) transposed_a: bool,
    /// Whether B is stored `[columns, depth]`.
    pub(crate) transposed_b: bool,
    /// Factor of the product.
    pub(crate) alpha: f32,
    /// Factor of what is added.
    pub(crate) beta: f32,
}

/// What is added to a product.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Addend<'a> {
    /// Nothing.
    None,
    /// One row for all, `[columns]`.
    Row(&'a [f32]),
    /// A matrix, `[rows, columns]`.
    Matrix(&'a [f32]),
}

/// Whether the processor has the instructions.
pub(crate) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

impl Product {
    fn pairs(&self) -> usize {
        self.depth.div_ceil(2)
    }

    fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// Lines of one packed panel.
    fn panel_lines(&self) -> usize {
        self.pairs() * WIDTH
    }

    /// Lines of one rounded block of A.
    fn block_lines(&self) -> usize {
        if self.transposed_a { self.pairs() * BLOCK / LANES } else { BLOCK * self.depth.div_ceil(2 * LANES) }
    }

    /// Computes Y; `scratch` grows as it must and is not read.
    ///
    /// Panics when a slice has another length than the shape says, or the processor lacks the instructions.
    pub(crate) fn compute(
        &self,
        workers: Workers<'_>,
        [a, b]: [&[f32]; 2],
        addend: Addend<'_>,
        y: &mut [f32],
        scratch: &mut Vec<Line>,
    ) -> ort::Result<()> {
        assert!(is_supported(), "the processor multiplies bfloat16");
        assert_eq!(
            [a.len(), b.len(), y.len()],
            [self.rows * self.depth, self.depth * self.columns, self.rows * self.columns],
            "the matrices have the product's shape"
        );
        match addend {
            Addend::None => {}
            Addend::Row(row) => assert_eq!(row.len(), self.columns, "a row has an element for each column"),
            Addend::Matrix(matrix) => assert_eq!(matrix.len(), y.len(), "what is added has the product's shape"),
        }
        let (panel, block) = (self.panel_lines(), self.block_lines());
        let (panels, blocks) = (self.panels(), self.rows.div_ceil(BLOCK));
        let needed = panel * panels + block * blocks;
        if scratch.len() < needed {
            scratch.resize(needed, Line([0; LANES]));
        }
        let (packed, rounded) = scratch.split_at_mut(panel * panels);
        let parts = Parts::of(packed);
        workers.run(panels, |index| {
            // SAFETY: panel by panel; the instructions are there.
            unsafe { self.pack_panel(b, index, parts.part(index * panel, panel)) }
        })?;
        let packed = &*packed;
        let (rounded, y) = (Parts::of(rounded), Parts::of(y));
        workers.run(blocks, |index| {
            let first = index * BLOCK;
            let rows = BLOCK.min(self.rows - first);
            // SAFETY: block by block; the instructions are there.
            unsafe {
                let block = rounded.part(index * block, block);
                let y = y.part(first * self.columns, rows * self.columns);
                self.multiply_block(a, first, rows, block, packed, addend, y);
            }
        })
    }

    /// Packs columns `48 · index` to the next panel's as `[pairs][48]`, zero beyond the matrix.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn pack_panel(&self, b: &[f32], index: usize, panel: &mut [Line]) {
        let first = index * PANEL;
        let columns = PANEL.min(self.columns - first);
        if self.transposed_b {
            return self.pack_transposed(&b[first * self.depth..][..columns * self.depth], columns, panel);
        }
        for (pair, lines) in panel.chunks_exact_mut(WIDTH).enumerate() {
            let upper = row(b, 2 * pair, self.depth, self.columns).map(|row| &row[first..first + columns]);
            let lower = row(b, 2 * pair + 1, self.depth, self.columns).map(|row| &row[first..first + columns]);
            interleave(upper, lower, lines);
        }
    }

    /// `b` is `[columns, depth]` here: each column's pairs lie side by side and go a panel's width apart.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn pack_transposed(&self, b: &[f32], columns: usize, panel: &mut [Line]) {
        if columns < PANEL {
            panel.fill(Line([0; LANES]));
        }
        for (column, terms) in b.chunks_exact(self.depth).enumerate() {
            let (line, lane) = (column / LANES, column % LANES);
            for (chunk, terms) in terms.chunks(2 * LANES).enumerate() {
                let pairs = round_pairs(terms);
                for (pair, &value) in pairs.0.iter().enumerate().take(terms.len().div_ceil(2)) {
                    panel[(chunk * LANES + pair) * WIDTH + line].0[lane] = value;
                }
            }
        }
    }

    /// Rows `first` to `first + rows` of Y.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[allow(clippy::too_many_arguments)]
    fn multiply_block(
        &self,
        a: &[f32],
        first: usize,
        rows: usize,
        block: &mut [Line],
        packed: &[Line],
        addend: Addend<'_>,
        y: &mut [f32],
    ) {
        let strides = self.round_block(a, first, rows, block);
        for (index, panel) in packed.chunks_exact(self.panel_lines()).enumerate() {
            let column = index * PANEL;
            let columns = PANEL.min(self.columns - column);
            for row in (0..rows).step_by(TILE) {
                let height = TILE.min(rows - row);
                let tile =
                    Tile { row: first + row, column, columns, pairs: &*block, start: row * strides.row, strides };
                let y = &mut y[row * self.columns + column..][..(height - 1) * self.columns + columns];
                match height {
                    8 => self.multiply_tile::<8>(&tile, panel, addend, y),
                    7 => self.multiply_tile::<7>(&tile, panel, addend, y),
                    6 => self.multiply_tile::<6>(&tile, panel, addend, y),
                    5 => self.multiply_tile::<5>(&tile, panel, addend, y),
                    4 => self.multiply_tile::<4>(&tile, panel, addend, y),
                    3 => self.multiply_tile::<3>(&tile, panel, addend, y),
                    2 => self.multiply_tile::<2>(&tile, panel, addend, y),
                    _ => self.multiply_tile::<1>(&tile, panel, addend, y),
                }
            }
        }
    }

    /// Rounds rows `first` to `first + rows` of `op(A)` into pairs, and says how they lie.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn round_block(&self, a: &[f32], first: usize, rows: usize, block: &mut [Line]) -> Strides {
        if self.transposed_a {
            let width = BLOCK / LANES;
            for (pair, lines) in block.chunks_exact_mut(width).enumerate() {
                let upper = row(a, 2 * pair, self.depth, self.rows).map(|row| &row[first..first + rows]);
                let lower = row(a, 2 * pair + 1, self.depth, self.rows).map(|row| &row[first..first + rows]);
                interleave(upper, lower, lines);
            }
            return Strides { row: 1, pair: BLOCK };
        }
        let width = self.depth.div_ceil(2 * LANES);
        for (lines, row) in
            block.chunks_exact_mut(width).zip(a[first * self.depth..].chunks_exact(self.depth)).take(rows)
        {
            for (line, terms) in lines.iter_mut().zip(row.chunks(2 * LANES)) {
                *line = round_pairs(terms);
            }
        }
        Strides { row: width * LANES, pair: 1 }
    }

    /// Multiplies `HEIGHT` rows by a panel.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn multiply_tile<const HEIGHT: usize>(&self, tile: &Tile<'_>, panel: &[Line], addend: Addend<'_>, y: &mut [f32]) {
        let Strides { row, pair } = tile.strides;
        let pairs = self.pairs();
        let last = tile.start + (HEIGHT - 1) * row + (pairs - 1) * pair;
        assert!(last < tile.pairs.len() * LANES && panel.len() == pairs * WIDTH, "a tile lies within its block");
        let mut sums = [[_mm512_setzero_ps(); WIDTH]; HEIGHT];
        // SAFETY: every pair read lies at or before `last`, every line within the panel.
        unsafe {
            let mut terms = tile.pairs.as_ptr().cast::<u32>().add(tile.start);
            let mut line = panel.as_ptr();
            for _ in 0..pairs {
                let factors: [__m512bh; WIDTH] = std::array::from_fn(|index| as_pairs(load(&*line.add(index))));
                for (height, sums) in sums.iter_mut().enumerate() {
                    let term = as_pairs(_mm512_set1_epi32((*terms.add(height * row)).cast_signed()));
                    for (sum, factor) in sums.iter_mut().zip(factors) {
                        *sum = _mm512_dpbf16_ps(*sum, term, factor);
                    }
                }
                terms = terms.wrapping_add(pair);
                line = line.wrapping_add(WIDTH);
            }
        }
        for (height, sums) in sums.into_iter().enumerate() {
            let y = &mut y[height * self.columns..][..tile.columns];
            let added = match addend {
                Addend::None => None,
                Addend::Row(row) => Some(&row[tile.column..]),
                Addend::Matrix(matrix) => Some(&matrix[(tile.row + height) * self.columns + tile.column..]),
            };
            self.finish(sums, added, y);
        }
    }

    /// Scales a row of sums, adds what is to be added and writes it.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn finish(&self, sums: [__m512; WIDTH], added: Option<&[f32]>, y: &mut [f32]) {
        let (alpha, beta) = (_mm512_set1_ps(self.alpha), _mm512_set1_ps(self.beta));
        for (index, (sum, y)) in sums.into_iter().zip(y.chunks_mut(LANES)).enumerate() {
            let sum = match added {
                Some(added) => {
                    let added = _mm512_mul_ps(beta, load_floats(&added[index * LANES..][..y.len()]));
                    _mm512_fmadd_ps(sum, alpha, added)
                }
                None => _mm512_mul_ps(sum, alpha),
            };
            // SAFETY: the mask has a bit for each element that is there.
            unsafe { _mm512_mask_storeu_ps(y.as_mut_ptr(), mask(y.len()), sum) }
        }
    }
}

/// How the pairs of a block lie.
#[derive(Clone, Copy)]
struct Strides {
    row: usize,
    pair: usize,
}

/// A few rows of a block and where their products go.
struct Tile<'p> {
    row: usize,
    column: usize,
    columns: usize,
    pairs: &'p [Line],
    start: usize,
    strides: Strides,
}

/// A row of a matrix of so many rows; none beyond the last.
fn row(matrix: &[f32], index: usize, rows: usize, columns: usize) -> Option<&[f32]> {
    (index < rows).then(|| &matrix[index * columns..][..columns])
}

fn mask(length: usize) -> u16 {
    if length >= LANES { u16::MAX } else { (1 << length) - 1 }
}

/// Up to 16 floats, zeros after them.
#[target_feature(enable = "avx512f")]
fn load_floats(values: &[f32]) -> __m512 {
    // SAFETY: the mask has a bit for each element that is there.
    unsafe { _mm512_maskz_loadu_ps(mask(values.len()), values.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512i {
    // SAFETY: a line is a register's size.
    unsafe { _mm512_loadu_si512(line.0.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
fn store(line: &mut Line, value: __m512i) {
    // SAFETY: a line is a register's size.
    unsafe { _mm512_storeu_si512(line.0.as_mut_ptr().cast(), value) }
}

#[target_feature(enable = "avx512f")]
fn as_pairs(bits: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits.
    unsafe { std::mem::transmute(bits) }
}

/// Up to 32 floats as pairs of bfloat16, zeros after them.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn round_pairs(terms: &[f32]) -> Line {
    let (low, high) = terms.split_at(LANES.min(terms.len()));
    let pairs = _mm512_cvtne2ps_pbh(load_floats(high), load_floats(low));
    let mut line = Line([0; LANES]);
    // SAFETY: both are 512 bits.
    store(&mut line, unsafe { std::mem::transmute::<__m512bh, __m512i>(pairs) });
    line
}

/// Two rows as pairs, one above the other; a row that is not there counts as zeros, and so does what a row lacks.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn interleave(upper: Option<&[f32]>, lower: Option<&[f32]>, lines: &mut [Line]) {
    for (index, line) in lines.iter_mut().enumerate() {
        let [low, high] = [upper, lower].map(|row| {
            let row = row.and_then(|row| row.get(index * LANES..)).unwrap_or_default();
            // SAFETY: both are 256 bits.
            let half: __m256i = unsafe {
                std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(load_floats(&row[..LANES.min(row.len())])))
            };
            _mm512_cvtepu16_epi32(half)
        });
        store(line, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, clippy::needless_range_loop)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// To the nearest bfloat16, ties to even, as a float.
    fn rounded(value: f32) -> f64 {
        let bits = value.to_bits();
        let bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
        f64::from(f32::from_bits(bits))
    }

    fn draws(count: usize, seed: usize) -> Vec<f32> {
        let mut state = seed as u64 * 2 + 1;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| draw()).collect()
    }

    fn check(product: Product, added: &str) {
        if !is_supported() {
            return; // Nothing to test: `Precision::is_native` keeps this module from being called.
        }
        let Product { rows, columns, depth, transposed_a, transposed_b, alpha, beta } = product;
        let (a, b, c) = (draws(rows * depth, 1), draws(depth * columns, 2), draws(rows * columns, 3));
        let addend = match added {
            "row" => Addend::Row(&c[..columns]),
            "matrix" => Addend::Matrix(&c),
            _ => Addend::None,
        };
        let mut y = vec![f32::NAN; rows * columns];
        let mut scratch = vec![Line([u32::MAX; LANES]); 3]; // What is left there from a former product is not a number.
        product.compute(Workers::Caller, [&a, &b], addend, &mut y, &mut scratch).unwrap();
        for row in 0..rows {
            for column in 0..columns {
                let term = |index: usize| {
                    let a = a[if transposed_a { index * rows + row } else { row * depth + index }];
                    let b = b[if transposed_b { column * depth + index } else { index * columns + column }];
                    rounded(a) * rounded(b)
                };
                let sum: f64 = (0..depth).map(term).sum();
                let size: f64 = (0..depth).map(|index| term(index).abs()).sum();
                let added = match addend {
                    Addend::None => 0.0,
                    Addend::Row(values) => f64::from(values[column]),
                    Addend::Matrix(values) => f64::from(values[row * columns + column]),
                };
                let wanted = f64::from(alpha) * sum + f64::from(beta) * added;
                let found = f64::from(y[row * columns + column]);
                let tolerance = 1e-6 * (size * f64::from(alpha).abs() + wanted.abs() + 1.0);
                assert!(
                    (found - wanted).abs() <= tolerance,
                    "{product:?} + {added}: [{row}, {column}] {found}, not {wanted}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_the_product_of_rounded_factors(
            rows in 1_usize..150, columns in 1_usize..110, depth in 1_usize..140,
            transposed_a: bool, transposed_b: bool, added in "none|row|matrix",
        ) {
            let product = Product { rows, columns, depth, transposed_a, transposed_b, alpha: 0.5, beta: -1.5 };
            check(product, &added);
        }
    }

    #[test]
    fn whole_tiles() {
        let product = Product {
            rows: 128,
            columns: 96,
            depth: 64,
            transposed_a: false,
            transposed_b: true,
            alpha: 1.0,
            beta: 1.0,
        };
        check(product, "row");
        check(Product { transposed_a: true, transposed_b: false, ..product }, "none");
    }
}
