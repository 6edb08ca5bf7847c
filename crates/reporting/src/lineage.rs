//! The graph of steps: layers from left to right, few crossings, edges that pass between steps and never behind one.

use std::collections::BTreeMap;
use std::fmt::Write;

use clinsynth_contract::Sensitivity;
use serde::Serialize;

use crate::numbers::thousands;
use crate::{NotRun, StepSummary};

const NODE_HEIGHT: f64 = 50.0;
/// Free space below a step and around an edge that passes by.
const GAP: f64 = 18.0;
const LAYER_GAP: f64 = 46.0;
/// Mean width of a character of the 13-pixel semi-bold face, with some air for wide ones.
const CHARACTER: f64 = 7.6;
const LONGEST_NAME: usize = 22;
/// Sweeps over the layers; the order settles after two or three in graphs of this size.
const SWEEPS: usize = 8;
/// Instances up to which each has a box of its own.
const MOST_BOXES: usize = 30;

/// The drawing, in pixels.
#[derive(Debug, Serialize)]
pub(crate) struct Lineage {
    width: f64,
    height: f64,
    /// Whether a box stands for all instances of a step.
    by_step: bool,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// The same in words.
    texts: Vec<Text>,
}

#[derive(Debug, Serialize)]
struct Text {
    name: String,
    needs: Vec<String>,
    state: String,
}

#[derive(Debug, Serialize)]
struct Node {
    x: f64,
    y: f64,
    width: f64,
    name: String,
    /// The whole name, with its state.
    words: String,
    detail: String,
    sensitivity: &'static str,
    done: bool,
}

/// What a box stands for: a step instance, or all instances of a step where there are many.
#[derive(Clone, Debug, Default)]
struct Item {
    name: String,
    detail: String,
    /// What became of it, in words.
    state: String,
    sensitivity: Sensitivity,
    done: bool,
    /// Names of those that it comes after.
    needs: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Edge {
    path: String,
    words: String,
}

/// A step, or the place where an edge crosses a layer.
struct Slot {
    step: Option<usize>,
    layer: usize,
    /// Slots of the layer before that lead here.
    before: Vec<usize>,
    /// Slots of the layer after that follow.
    after: Vec<usize>,
    /// Centre, in pixels from the top.
    y: f64,
}

/// The slots of a graph and, from top to bottom, those of each layer.
struct Layers {
    slots: Vec<Slot>,
    columns: Vec<Vec<usize>>,
    /// For each edge: its steps and the slots on its way, both ends included.
    ways: Vec<(usize, usize, Vec<usize>)>,
}

/// The drawing of the steps, unless there is none.
pub(crate) fn lineage(steps: &[StepSummary], not_run: &[NotRun]) -> Option<Lineage> {
    let all: Vec<Item> = steps.iter().map(done).chain(not_run.iter().map(left_out)).collect();
    let by_step = all.len() > MOST_BOXES;
    let items = if by_step { grouped(&all) } else { all };
    if items.is_empty() {
        return None;
    }
    let needs = needs(&items);
    let mut layers = Layers::new(&layer_of_each(&needs), &needs);
    layers.order();
    layers.place();
    Some(Lineage { by_step, ..layers.draw(&items) })
}

fn done(step: &StepSummary) -> Item {
    Item {
        name: step.id.clone(),
        detail: detail(step),
        state: format!("done, {}", step.sensitivity),
        sensitivity: step.sensitivity,
        done: true,
        needs: step.needs.clone(),
    }
}

fn left_out(step: &NotRun) -> Item {
    let (name, state) = (step.id.clone(), format!("not run: {}", step.reason));
    Item { name, detail: "not run".to_owned(), state, ..Item::default() }
}

fn step_of(id: &str) -> &str {
    id.split('@').next().unwrap_or(id)
}

/// One box for all instances of a step that ran, and one for those that did not.
fn grouped(items: &[Item]) -> Vec<Item> {
    let mut groups: Vec<(&str, bool, Vec<&Item>)> = Vec::new();
    for item in items {
        let step = step_of(&item.name);
        match groups.iter_mut().find(|(name, done, _)| *name == step && *done == item.done) {
            Some((_, _, members)) => members.push(item),
            None => groups.push((step, item.done, vec![item])),
        }
    }
    let group = |(step, done, members): &(&str, bool, Vec<&Item>)| {
        let instances = format!("{} instances", thousands(members.len() as u64));
        let mut needs: Vec<String> =
            members.iter().flat_map(|item| &item.needs).map(|need| step_of(need).to_owned()).collect();
        needs.sort_unstable();
        needs.dedup();
        Item {
            name: (*step).to_owned(),
            detail: match (members.as_slice(), done) {
                ([only], _) => only.detail.clone(),
                (_, true) => instances.clone(),
                (_, false) => format!("{} not run", thousands(members.len() as u64)),
            },
            state: format!("{instances}, {}", members[0].state),
            sensitivity: Sensitivity::highest(members.iter().map(|item| item.sensitivity)),
            done: *done,
            needs,
        }
    };
    groups.iter().map(group).collect()
}

/// Indices of the boxes that each box comes after; names of none are left out.
fn needs(items: &[Item]) -> Vec<Vec<usize>> {
    let done = items.iter().enumerate().filter(|(_, item)| item.done);
    let index: BTreeMap<_, _> = done.map(|(index, item)| (item.name.as_str(), index)).collect();
    let of_item = |(own, item): (usize, &Item)| {
        let mut needs: Vec<_> = item.needs.iter().filter_map(|name| index.get(name.as_str()).copied()).collect();
        needs.retain(|need| *need != own);
        needs.sort_unstable();
        needs.dedup();
        needs
    };
    items.iter().enumerate().map(of_item).collect()
}

/// One more than the furthest need; a step that needs nothing stands just before the first that needs it.
fn layer_of_each(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut layer = vec![0; needs.len()];
    // As many rounds as there are steps reach every order of the list, and end even if it were a cycle.
    for _ in 0..needs.len() {
        for step in 0..needs.len() {
            layer[step] = needs[step].iter().map(|&need| layer[need] + 1).max().unwrap_or(0).min(needs.len() - 1);
        }
    }
    for source in (0..needs.len()).filter(|&step| needs[step].is_empty()) {
        let users = (0..needs.len()).filter(|&step| needs[step].contains(&source));
        layer[source] = users.map(|step| layer[step].saturating_sub(1)).min().unwrap_or(0);
    }
    layer
}

impl Layers {
    fn new(layer: &[usize], needs: &[Vec<usize>]) -> Self {
        let slot = |step, layer| Slot { step, layer, before: Vec::new(), after: Vec::new(), y: 0.0 };
        let mut slots: Vec<_> = layer.iter().enumerate().map(|(step, &layer)| slot(Some(step), layer)).collect();
        let mut ways = Vec::new();
        for (to, froms) in needs.iter().enumerate() {
            // A need in the same or a later layer can only come from a cycle, which is not drawn.
            for &from in froms.iter().filter(|&&from| layer[from] < layer[to]) {
                let mut way = vec![from];
                for between in layer[from] + 1..layer[to] {
                    slots.push(slot(None, between));
                    way.push(slots.len() - 1);
                }
                way.push(to);
                for pair in way.windows(2) {
                    slots[pair[0]].after.push(pair[1]);
                    slots[pair[1]].before.push(pair[0]);
                }
                ways.push((from, to, way));
            }
        }
        let mut layers = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
        for (index, slot) in slots.iter().enumerate() {
            layers[slot.layer].push(index);
        }
        Self { slots, columns: layers, ways }
    }

    /// Orders each layer by the mean place of its neighbours, forth and back (the barycentre heuristic of Sugiyama).
    fn order(&mut self) {
        for sweep in 0..SWEEPS {
            let forth = sweep % 2 == 0;
            let mut place = vec![0.0; self.slots.len()];
            for layer in &self.columns {
                for (rank, &slot) in layer.iter().enumerate() {
                    place[slot] = rank as f64 - (layer.len() - 1) as f64 / 2.0;
                }
            }
            for number in 0..self.columns.len() {
                let number = if forth { number } else { self.columns.len() - 1 - number };
                let mut layer = std::mem::take(&mut self.columns[number]);
                let wish = |slot: &usize| mean(self.slots[*slot].neighbours(forth), &place).unwrap_or(place[*slot]);
                let mut wished: Vec<_> = layer.iter().map(|slot| (wish(slot), *slot)).collect();
                wished.sort_by(|one, other| one.0.total_cmp(&other.0));
                layer.clear();
                layer.extend(wished.into_iter().map(|(_, slot)| slot));
                for (rank, &slot) in layer.iter().enumerate() {
                    place[slot] = rank as f64 - (layer.len() - 1) as f64 / 2.0;
                }
                self.columns[number] = layer;
            }
        }
    }

    /// Pulls each slot towards its neighbours as far as the order and the space between them allow.
    fn place(&mut self) {
        for layer in self.columns.clone() {
            self.spread(&layer, &vec![0.0; layer.len()]);
        }
        for sweep in 0..SWEEPS * 2 {
            for number in 0..self.columns.len() {
                let forth = sweep % 2 == 0;
                let number = if forth { number } else { self.columns.len() - 1 - number };
                let layer = self.columns[number].clone();
                let places: Vec<f64> = self.slots.iter().map(|slot| slot.y).collect();
                let wish = |slot: &usize| mean(self.slots[*slot].neighbours(forth), &places).unwrap_or(places[*slot]);
                let wishes: Vec<_> = layer.iter().map(wish).collect();
                self.spread(&layer, &wishes);
            }
        }
        let top = self.slots.iter().map(|slot| slot.y - slot.height() / 2.0).fold(f64::INFINITY, f64::min);
        for slot in &mut self.slots {
            slot.y -= top;
        }
    }

    /// Gives the slots of a layer the places wished for, pushed apart downwards and then shifted back by half of the push.
    fn spread(&mut self, layer: &[usize], wishes: &[f64]) {
        let mut free = f64::NEG_INFINITY;
        let mut pushed = 0.0;
        for (&slot, &wish) in layer.iter().zip(wishes) {
            let half = self.slots[slot].height() / 2.0;
            let y = wish.max(free + half);
            pushed += y - wish;
            self.slots[slot].y = y;
            free = y + half + GAP;
        }
        let shift = pushed / layer.len().max(1) as f64;
        for &slot in layer {
            self.slots[slot].y -= shift;
        }
    }

    fn draw(&self, items: &[Item]) -> Lineage {
        let mut left = Vec::with_capacity(self.columns.len());
        let mut widths = Vec::with_capacity(self.columns.len());
        let mut x = 0.0;
        for layer in &self.columns {
            let named = layer.iter().filter_map(|&slot| self.slots[slot].step).map(|step| node_width(&items[step]));
            let width = named.fold(90.0, f64::max);
            left.push(x);
            widths.push(width);
            x += width + LAYER_GAP;
        }
        let nodes = self.slots.iter().filter_map(|slot| {
            let item = &items[slot.step?];
            Some(node(item, left[slot.layer], slot.y - NODE_HEIGHT / 2.0, widths[slot.layer]))
        });
        let edges = self.ways.iter().map(|(from, to, way)| Edge {
            path: self.edge(way, &left, &widths),
            words: format!("{} → {}", items[*from].name, items[*to].name),
        });
        let bottom = self.slots.iter().map(|slot| slot.y + slot.height() / 2.0).fold(0.0, f64::max);
        let (nodes, edges) = (nodes.collect(), edges.collect());
        let text = |item: &Item| {
            let (name, needs) = (item.name.clone(), item.needs.clone());
            let detail = if item.done { format!("{}, {}", item.detail, item.sensitivity) } else { item.state.clone() };
            Text { name, needs, state: detail }
        };
        let texts = items.iter().map(text).collect();
        Lineage { width: x - LAYER_GAP, height: bottom.ceil(), by_step: false, nodes, edges, texts }
    }

    /// A smooth curve through the slots of a way, straight where it crosses a layer.
    fn edge(&self, way: &[usize], left: &[f64], widths: &[f64]) -> String {
        let mut path = String::new();
        for pair in way.windows(2) {
            let (from, to) = (&self.slots[pair[0]], &self.slots[pair[1]]);
            let (x1, x2) = (left[from.layer] + widths[from.layer], left[to.layer]);
            let bend = f64::midpoint(x1, x2);
            if path.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{x1:.1} {:.1}", from.y);
            }
            let _ = write!(path, "C{bend:.1} {:.1} {bend:.1} {:.1} {x2:.1} {:.1}", from.y, to.y, to.y);
            if to.step.is_none() {
                let _ = write!(path, "H{:.1}", x2 + widths[to.layer]);
            }
        }
        path
    }
}

impl Slot {
    fn neighbours(&self, before: bool) -> &[usize] {
        if before { &self.before } else { &self.after }
    }

    const fn height(&self) -> f64 {
        if self.step.is_some() { NODE_HEIGHT } else { 0.0 }
    }
}

fn mean(slots: &[usize], places: &[f64]) -> Option<f64> {
    let sum: f64 = slots.iter().map(|&slot| places[slot]).sum();
    (!slots.is_empty()).then(|| sum / slots.len() as f64)
}

fn node(item: &Item, x: f64, y: f64, width: f64) -> Node {
    Node {
        x,
        y: (y * 10.0).round() / 10.0,
        width,
        name: shortened(&item.name),
        words: format!("{}: {}", item.name, item.state),
        detail: item.detail.clone(),
        sensitivity: item.sensitivity.name(),
        done: item.done,
    }
}

fn node_width(item: &Item) -> f64 {
    let longest = shortened(&item.name).chars().count().max(item.detail.chars().count());
    (longest as f64 * CHARACTER).ceil() + 30.0
}

/// The largest table that it wrote, else its kind.
fn detail(step: &StepSummary) -> String {
    let tables = step.outputs.iter().filter_map(|output| Some((output.rows?, &output.name)));
    let largest = tables.reduce(|one, other| if other.0 > one.0 { other } else { one });
    largest.map_or_else(|| shortened(&step.uses), |(rows, name)| shortened(&format!("{} {name}", thousands(rows))))
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str, needs: &[&str]) -> StepSummary {
        StepSummary { id: id.into(), needs: needs.iter().map(|&id| id.into()).collect(), ..StepSummary::default() }
    }

    fn check(steps: &[StepSummary], expected: &[usize]) {
        let items: Vec<Item> = steps.iter().map(done).collect();
        assert_eq!(layer_of_each(&needs(&items)), expected);
    }

    #[test]
    fn layers_follow_needs() {
        let diamond = [step("a", &[]), step("b", &["a"]), step("c", &["a", "gone"]), step("d", &["b", "c"])];
        check(&diamond, &[0, 1, 1, 2]);
        check(&[step("gold", &[]), step("a", &[]), step("b", &["a"]), step("c", &["b", "gold"])], &[1, 0, 1, 2]);
        check(&[step("late", &["early"]), step("early", &[])], &[1, 0]);
        check(&[step("self", &["self"])], &[0]);
    }

    #[test]
    fn nothing_overlaps_and_long_edges_pass_between() {
        let steps = [
            step("generate", &[]),
            step("curate", &["generate"]),
            step("train@seed=0", &["curate"]),
            step("train@seed=1", &["curate"]),
            step("predict@seed=0", &["train@seed=0", "gold"]),
            step("predict@seed=1", &["train@seed=1", "gold"]),
            step("gold", &[]),
            step("report", &["predict@seed=0", "predict@seed=1", "curate", "generate"]),
        ];
        let drawn = lineage(&steps, &[]).unwrap_or_else(|| panic!("there are steps"));
        assert_eq!((drawn.nodes.len(), drawn.edges.len()), (8, 11));
        for (index, one) in drawn.nodes.iter().enumerate() {
            assert!(
                one.x >= 0.0 && one.y >= 0.0 && one.x + one.width <= drawn.width && one.y + NODE_HEIGHT <= drawn.height
            );
            for other in &drawn.nodes[index + 1..] {
                assert!(
                    (one.x - other.x).abs() > 0.1 || (one.y - other.y).abs() >= NODE_HEIGHT,
                    "{} and {}",
                    one.name,
                    other.name
                );
            }
        }
    }

    #[test]
    fn a_cycle_is_drawn_without_the_edge_that_closes_it() {
        let drawn = lineage(&[step("a", &["b"]), step("b", &["a"])], &[]);
        assert_eq!(drawn.map(|drawn| drawn.nodes.len()), Some(2));
        assert!(lineage(&[], &[]).is_none());
    }

    #[test]
    fn what_did_not_run_is_drawn_with_its_reason_and_many_instances_as_one_box() {
        let not_run = |id: &str| NotRun { id: id.into(), reason: "its `if` is false".into(), ..NotRun::default() };
        let words = |steps: &[StepSummary], not_run: &[NotRun]| -> Vec<(String, String, bool)> {
            let nodes = lineage(steps, not_run).map(|drawn| drawn.nodes).unwrap_or_default();
            nodes.into_iter().map(|node| (node.words, node.detail, node.done)).collect()
        };
        let plain = |words: &str, detail: &str, done| (words.to_owned(), detail.to_owned(), done);
        assert_eq!(
            words(&[step("a", &[])], &[not_run("b@x=1")]),
            [plain("a: done, synthetic", "", true), plain("b@x=1: not run: its `if` is false", "not run", false)]
        );
        let ids: Vec<String> = (0..40).map(|seed| format!("train@seed={seed}")).collect();
        let mut steps: Vec<_> = ids.iter().map(|id| step(id, &["curate"])).collect();
        steps.push(step("curate", &[]));
        assert_eq!(
            words(&steps, &[not_run("train@seed=40"), not_run("train@seed=41")]),
            [
                plain("train: 40 instances, done, synthetic", "40 instances", true),
                plain("curate: 1 instances, done, synthetic", "", true),
                plain("train: 2 instances, not run: its `if` is false", "2 not run", false),
            ]
        );
    }
}
