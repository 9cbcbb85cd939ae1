//! Several reads at once, but never more than a bounded number.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Reads that one observation may have under way at once.
const READS_MAX: usize = 8;

/// One read, boxed: so that an observation as a whole stays `Send` whatever it borrows.
pub(super) type Read<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) fn read<'a, T>(read: impl Future<Output = T> + Send + 'a) -> Read<'a, T> {
    Box::pin(read)
}

/// Runs the reads side by side; answers in the order of the question.
pub(super) async fn in_parallel<T>(reads: Vec<Read<'_, T>>) -> Vec<T> {
    let mut waiting = reads.into_iter().enumerate();
    let mut under_way: Vec<(usize, Read<'_, T>)> = Vec::with_capacity(READS_MAX);
    let mut done: Vec<(usize, T)> = Vec::new();
    poll_fn(|context| {
        loop {
            let room = READS_MAX - under_way.len();
            under_way.extend(waiting.by_ref().take(room));
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
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_keep_their_order_and_the_bound_holds() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (now, most) = (&now, &most);
        let one = |number: u64| {
            read(async move {
                most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                tokio::time::sleep(Duration::from_secs(30 - number)).await;
                now.fetch_sub(1, Relaxed);
                number
            })
        };
        assert_eq!(in_parallel((0..30).map(one).collect()).await, (0..30).collect::<Vec<_>>());
        assert_eq!(most.load(Relaxed), READS_MAX);
    }

    #[tokio::test]
    async fn nothing_to_read_ends_at_once() {
        assert!(in_parallel::<()>(Vec::new()).await.is_empty());
    }
}
