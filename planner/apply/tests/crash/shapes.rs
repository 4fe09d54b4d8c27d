//! Graph shapes: every directed acyclic graph of few nodes, up to renaming.

use std::collections::BTreeSet;

/// The edges of a graph: `edges[n]` holds what node `n` needs, all of it smaller than `n`.
pub(crate) type Shape = Vec<Vec<usize>>;

/// Every shape of this many nodes, each once: the smallest among all ways to name its nodes.
pub(crate) fn all(nodes: usize) -> Vec<Shape> {
    let orders = permutations(nodes);
    let mut seen = BTreeSet::new();
    for mask in 0..1_u32 << pairs(nodes) {
        let matrix = matrix_of(nodes, mask);
        let renamed = orders.iter().map(|order| bits_of(&matrix, order));
        seen.insert(renamed.min().expect("there is at least one order"));
    }
    let found = seen.into_iter();
    found.map(|bits| ordered(nodes, bits)).collect()
}

/// Shapes of six nodes: the plain forms, and some drawn by seed.
pub(crate) fn some_of_six(drawn: u32) -> Vec<Shape> {
    let mut shapes = vec![
        vec![vec![]; 6],
        (0_usize..6)
            .map(|n| n.checked_sub(1).into_iter().collect())
            .collect(),
        (0..6)
            .map(|n| if n == 0 { vec![] } else { vec![0] })
            .collect(),
        (0..6)
            .map(|n| if n == 5 { (0..5).collect() } else { vec![] })
            .collect(),
        (0..6).map(|n| (0..n).collect()).collect(),
        (0..6)
            .map(|n| if n < 3 { vec![] } else { vec![0, 1, 2] })
            .collect(),
        (0_usize..6)
            .map(|n| if n == 0 { vec![] } else { vec![(n - 1) / 2] })
            .collect(),
        vec![vec![], vec![0], vec![0], vec![1, 2], vec![3], vec![3]],
        vec![vec![], vec![0], vec![1], vec![], vec![3], vec![4]],
    ];
    let mut number = 12_345_u32;
    for _ in 0..drawn {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let matrix = matrix_of(6, number >> 8 & ((1 << pairs(6)) - 1));
        shapes.push(needs_of(&matrix));
    }
    let mut seen = BTreeSet::new();
    shapes.retain(|shape| seen.insert(shape.clone()));
    shapes
}

fn pairs(nodes: usize) -> usize {
    nodes * nodes.saturating_sub(1) / 2
}

/// `matrix[a][b]`: node `b` needs node `a`.
fn matrix_of(nodes: usize, mask: u32) -> Vec<Vec<bool>> {
    let mut matrix = vec![vec![false; nodes]; nodes];
    let mut bit = 0;
    for to in 0..nodes {
        for row in matrix.iter_mut().take(to) {
            row[to] = mask >> bit & 1 == 1;
            bit += 1;
        }
    }
    matrix
}

fn bits_of(matrix: &[Vec<bool>], order: &[usize]) -> u64 {
    let mut bits = 0;
    for from in order {
        for to in order {
            bits = bits << 1 | u64::from(matrix[*from][*to]);
        }
    }
    bits
}

/// The shape with these bits, its nodes named so that each needs smaller ones only.
fn ordered(nodes: usize, bits: u64) -> Shape {
    let needs = |a: usize, b: usize| bits >> (nodes * nodes - 1 - (a * nodes + b)) & 1 == 1;
    let mut order: Vec<usize> = Vec::new();
    while order.len() < nodes {
        let is_free = |to: &usize| {
            !order.contains(to) && (0..nodes).all(|a| !needs(a, *to) || order.contains(&a))
        };
        let next = (0..nodes).find(is_free).expect("the graph has no cycle");
        order.push(next);
    }
    let place = |old: usize| {
        order
            .iter()
            .position(|one| *one == old)
            .expect("all are placed")
    };
    let needs_of = |to: &usize| {
        let mut below: Vec<usize> = (0..nodes).filter(|a| needs(*a, *to)).map(place).collect();
        below.sort_unstable();
        below
    };
    order.iter().map(needs_of).collect()
}

fn needs_of(matrix: &[Vec<bool>]) -> Shape {
    let nodes = matrix.len();
    let needs = |to: usize| (0..to).filter(|from| matrix[*from][to]).collect();
    (0..nodes).map(needs).collect()
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..count {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            (0..=order.len()).map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, next);
                longer
            })
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

#[test]
fn counts_are_those_of_the_literature() {
    // The number of acyclic digraphs up to renaming: 1, 2, 6, 31, 302.
    let counts = [1, 2, 3, 4, 5].map(|nodes| all(nodes).len());
    assert_eq!(counts, [1, 2, 6, 31, 302]);
}
