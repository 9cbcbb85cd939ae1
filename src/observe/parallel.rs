//! Several reads at once, but never more than a bounded number.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Reads that one observation may have under way at once.
const READS_MAX: usize = 8;

/// Runs the reads side by side; answers in the order of the question.
pub(super) async fn in_parallel<F: Future>(reads: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting = reads.into_iter().enumerate();
    let mut under_way: Vec<(usize, Pin<Box<F>>)> = Vec::with_capacity(READS_MAX);
    let mut done: Vec<(usize, F::Output)> = Vec::new();
    poll_fn(|context| {
        loop {
            let room = READS_MAX - under_way.len();
            under_way.extend(waiting.by_ref().take(room).map(|(place, read)| (place, Box::pin(read))));
            let done_before = done.len();
            let mut at = 0;
            while at < under_way.len() {
                let (place, read) = &mut under_way[at];
                match read.as_mut().poll(context) {
                    Poll::Ready(output) => {
                        done.push((*place, output));
                        drop(under_way.swap_remove(at));
                    }
                    Poll::Pending => at += 1,
                }
            }
            if done.len() == done_before {
                return if under_way.is_empty() { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    })
    .await;
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, output)| output).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_keep_their_order_and_the_bound_holds() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let (now, most) = (&now, &most);
        let reads = (0..30u64).map(|number| async move {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            tokio::time::sleep(Duration::from_secs(30 - number)).await;
            now.set(now.get() - 1);
            number
        });
        assert_eq!(in_parallel(reads).await, (0..30).collect::<Vec<_>>());
        assert_eq!(most.get(), READS_MAX);
    }

    #[tokio::test]
    async fn nothing_to_read_ends_at_once() {
        assert!(in_parallel(std::iter::empty::<std::future::Ready<()>>()).await.is_empty());
    }
}
