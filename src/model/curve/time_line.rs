//! Marks on a line of time, and how many of them are no older than one.

/// Times counted together: a cache line of bits.
const BLOCK: usize = 512;
const WORD: usize = 64;
const WORDS_PER_BLOCK: usize = BLOCK / WORD;
/// The shortest line.
const MIN_BLOCKS: usize = 8;
/// The length of a line after it was pressed together, as a multiple of its marks.
const SLACK: usize = 4;

/// A line of times, some of which are marked. Time passes by one with each new mark; marks are taken
/// off again anywhere. All in logarithmic time, in few bits: one for each time, and a Fenwick tree
/// (Fenwick, "A new data structure for cumulative frequency tables", 1994) over the marks in blocks of
/// 512 times. When all times have been used, the line is pressed together, without the times
/// that have no mark, so that its length follows the number of marks and stays in the processor's caches.
#[derive(Debug, Clone)]
pub(super) struct TimeLine {
    words: Vec<u64>,
    /// A Fenwick tree: the marks in closed blocks. The block that time is in is open; new marks in it
    /// do not touch the tree until it is full.
    tree: Vec<u32>,
    now: usize,
    marks: usize,
}

impl TimeLine {
    /// A line without marks.
    pub(super) fn new() -> Self {
        Self::with_marks(0)
    }

    /// A line whose first times are all marked, so many of them.
    fn with_marks(marks: usize) -> Self {
        let blocks = (marks * SLACK).div_ceil(BLOCK).max(MIN_BLOCKS);
        let mut words = vec![0; blocks * WORDS_PER_BLOCK];
        words[..marks / WORD].fill(u64::MAX);
        words[marks / WORD] = (1 << (marks % WORD)) - 1;
        let mut line = Self { words, tree: vec![0; blocks], now: marks, marks };
        (0..marks / BLOCK).for_each(|block| line.add_to_tree(block, BLOCK as u32));
        line
    }

    /// How many times are marked.
    pub(super) fn marks(&self) -> usize {
        self.marks
    }

    /// Returns true if all times have been used: [press](Self::press) the line before the next mark.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.now == self.words.len() * WORD
    }

    /// Marks the time that it is, and lets time pass.
    #[inline]
    pub(super) fn mark(&mut self) -> u32 {
        let time = self.now;
        self.words[time / WORD] |= 1 << (time % WORD);
        self.marks += 1;
        self.now += 1;
        if self.now.is_multiple_of(BLOCK) {
            self.close(time / BLOCK);
        }
        time as u32
    }

    /// Takes the mark off a time that has one.
    #[inline]
    pub(super) fn unmark(&mut self, time: u32) {
        let time = time as usize;
        self.words[time / WORD] &= !(1 << (time % WORD));
        self.marks -= 1;
        if time / BLOCK < self.now / BLOCK {
            self.add_to_tree(time / BLOCK, u32::MAX);
        }
    }

    /// Returns the number of marks at this time or later.
    #[inline]
    pub(super) fn marks_since(&self, time: u32) -> usize {
        let (word, bit) = (time as usize / WORD, time as usize % WORD);
        let block = word / WORDS_PER_BLOCK;
        let words = self.words[block * WORDS_PER_BLOCK..word].iter();
        let in_words: u32 = words.map(|word| word.count_ones()).sum();
        let in_word = (self.words[word] & ((1 << bit) - 1)).count_ones();
        self.marks - (self.in_blocks_before(block) + in_words + in_word) as usize
    }

    /// Presses the line together. The answer tells where each marked time went; marks keep their order.
    pub(super) fn press(&mut self) -> Pressed {
        let before = self.words.iter().scan(0, |sum, word| {
            let before = *sum;
            *sum += word.count_ones();
            Some(before)
        });
        let before = before.collect();
        let pressed = Self::with_marks(self.marks);
        let words = std::mem::replace(self, pressed).words;
        Pressed { words, before }
    }

    #[cold]
    fn close(&mut self, block: usize) {
        let words = &self.words[block * WORDS_PER_BLOCK..][..WORDS_PER_BLOCK];
        let marks = words.iter().map(|word| word.count_ones()).sum();
        self.add_to_tree(block, marks);
    }

    /// Adds modulo 2³², so that `u32::MAX` takes one off.
    #[inline]
    fn add_to_tree(&mut self, block: usize, marks: u32) {
        let mut node = block;
        while let Some(sum) = self.tree.get_mut(node) {
            *sum = sum.wrapping_add(marks);
            node |= node + 1;
        }
    }

    #[inline]
    fn in_blocks_before(&self, block: usize) -> u32 {
        let (mut marks, mut end) = (0_u32, block);
        while end > 0 {
            marks = marks.wrapping_add(self.tree[end - 1]);
            end &= end - 1;
        }
        marks
    }
}

/// Where marked times went when their line was pressed together.
#[derive(Debug)]
pub(super) struct Pressed {
    words: Vec<u64>,
    /// Marks before each word.
    before: Vec<u32>,
}

impl Pressed {
    /// Where a time that was marked went.
    #[inline]
    pub(super) fn moved(&self, time: u32) -> u32 {
        let (word, bit) = (time as usize / WORD, time as usize % WORD);
        self.before[word] + (self.words[word] & ((1 << bit) - 1)).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Long enough for blocks to close, and for the line to be pressed several times.
        #[test]
        fn a_time_line_counts_as_a_set_of_times_does(
            kept in 1..3000_usize,
            choices in prop::collection::vec(any::<u32>(), 9000),
        ) {
            let (mut line, mut times) = (TimeLine::new(), BTreeSet::new());
            for (number, choice) in choices.into_iter().enumerate() {
                if line.is_full() {
                    let pressed = line.press();
                    times = times.into_iter().map(|time| pressed.moved(time)).collect();
                    prop_assert_eq!(times.last().copied(), (times.len() as u32).checked_sub(1));
                }
                let now = line.mark();
                prop_assert!(times.last().is_none_or(|&last| last < now));
                times.insert(now);
                let one = *times.range(choice % (now + 1)..).next().expect("now at least");
                if number % 50 == 0 {
                    prop_assert_eq!(line.marks_since(one), times.range(one..).count());
                }
                if times.len() > kept {
                    line.unmark(one);
                    times.remove(&one);
                }
                prop_assert_eq!(line.marks(), times.len());
            }
        }
    }
}
