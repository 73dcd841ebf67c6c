//! The trees of steps in the making: branches by number, until it is known what reads each of them.

use rowmill_operators::step::Step;
use rowmill_operators::{Branch, Entry, Outlet, Writer};

/// The branches of all streams.
#[derive(Default)]
pub(crate) struct Trees {
    drafts: Vec<Draft>,
}

#[derive(Default)]
struct Draft {
    steps: Vec<Step>,
    outlets: Vec<Next>,
}

enum Next {
    Branch(usize),
    Aggregate(Entry),
    Write(Box<Writer>),
}

impl Trees {
    /// A branch at the origin of a stream.
    pub(crate) fn root(&mut self) -> usize {
        self.drafts.push(Draft::default());
        self.drafts.len() - 1
    }

    /// A branch that gets the rows of another one.
    pub(crate) fn branch(&mut self, above: usize) -> usize {
        let number = self.root();
        self.drafts[above].outlets.push(Next::Branch(number));
        number
    }

    /// Appends a step to a branch that nothing reads yet.
    pub(crate) fn step(&mut self, branch: usize, step: Step) {
        self.drafts[branch].steps.push(step);
    }

    /// Rows of a branch go into an aggregate.
    pub(crate) fn aggregate(&mut self, branch: usize, entry: Entry) {
        self.drafts[branch].outlets.push(Next::Aggregate(entry));
    }

    /// Rows of a branch go into a target.
    pub(crate) fn write(&mut self, branch: usize, writer: Writer) {
        self.drafts[branch].outlets.push(Next::Write(Box::new(writer)));
    }

    /// The tree that begins with a branch. Each is taken once.
    pub(crate) fn take(&mut self, root: usize) -> Branch {
        let Draft { mut steps, mut outlets } = std::mem::take(&mut self.drafts[root]);
        // A branch that is the only reader is no fork.
        while let [Next::Branch(only)] = outlets[..] {
            let next = std::mem::take(&mut self.drafts[only]);
            steps.extend(next.steps);
            outlets = next.outlets;
        }
        let outlets = outlets.into_iter().map(|next| match next {
            Next::Branch(branch) => Outlet::Branch(self.take(branch)),
            Next::Aggregate(entry) => Outlet::Aggregate(entry),
            Next::Write(writer) => Outlet::Write(writer),
        });
        Branch::new(steps, outlets.collect())
    }
}
