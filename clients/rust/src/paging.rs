//! All rows of a list that comes in pages.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::error::Result;

/// The rows of a list, page after page: a [`Stream`], which ends after the last page or with an error.
///
/// [`next`](Self::next) gives row after row without any other crate.
#[must_use = "no page is asked for before the first row is"]
pub struct Rows<T> {
    rows: VecDeque<T>,
    page: Pin<Box<dyn Stream<Item = Result<Vec<T>>> + Send>>,
}

impl<T> Rows<T> {
    /// The rows of the pages that `ask` gives, each with the request of the next one, if there is one.
    pub(crate) fn new<Q, F, A>(first: Q, ask: F) -> Self
    where
        Q: Send + 'static,
        T: Send + 'static,
        F: Fn(Q) -> A + Send + 'static,
        A: Future<Output = Result<(Vec<T>, Option<Q>)>> + Send + 'static,
    {
        Self {
            rows: VecDeque::new(),
            page: Box::pin(Pages {
                next: Some(first),
                ask,
                asked: None,
            }),
        }
    }

    /// The next row; None after the last one. A call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Result<T>>
    where
        T: Unpin,
    {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// All rows that are left.
    pub async fn collect(mut self) -> Result<Vec<T>>
    where
        T: Unpin,
    {
        let mut all = Vec::new();
        while let Some(row) = self.next().await {
            all.push(row?);
        }
        Ok(all)
    }
}

impl<T: Unpin> Stream for Rows<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        loop {
            if let Some(row) = self.rows.pop_front() {
                return Poll::Ready(Some(Ok(row)));
            }
            match ready!(self.page.as_mut().poll_next(context)) {
                Some(Ok(page)) => self.rows.extend(page),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("at_hand", &self.rows.len())
            .finish_non_exhaustive()
    }
}

/// The pages of a list.
struct Pages<Q, F, A> {
    next: Option<Q>,
    ask: F,
    asked: Option<Pin<Box<A>>>,
}

// Nothing of it is pinned: what must be is in a box.
impl<Q, F, A> Unpin for Pages<Q, F, A> {}

impl<Q, T, F, A> Stream for Pages<Q, F, A>
where
    F: Fn(Q) -> A,
    A: Future<Output = Result<(Vec<T>, Option<Q>)>>,
{
    type Item = Result<Vec<T>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Vec<T>>>> {
        let this = &mut *self;
        if this.asked.is_none() {
            match this.next.take() {
                Some(request) => this.asked = Some(Box::pin((this.ask)(request))),
                None => return Poll::Ready(None),
            }
        }
        let Some(asked) = &mut this.asked else {
            return Poll::Ready(None);
        };
        let answer = ready!(asked.as_mut().poll(context));
        this.asked = None;
        Poll::Ready(Some(answer.map(|(rows, next)| {
            this.next = next;
            rows
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn pages(of: &'static [&'static [u32]], fails_at: usize) -> Rows<u32> {
        Rows::new(0, move |page: usize| async move {
            if page == fails_at {
                return Err(Error::connection("gone"));
            }
            Ok((of[page].to_vec(), (page + 1 < of.len()).then_some(page + 1)))
        })
    }

    #[tokio::test]
    async fn rows_come_from_all_pages_also_after_an_empty_one() {
        assert_eq!(pages(&[&[1, 2], &[], &[3]], 9).collect().await.unwrap(), [1, 2, 3]);
        assert_eq!(pages(&[&[]], 9).collect().await.unwrap(), [0; 0]);
    }

    #[tokio::test]
    async fn an_error_ends_the_rows() {
        let mut rows = pages(&[&[1], &[2], &[3]], 1);
        assert_eq!(rows.next().await.unwrap().unwrap(), 1);
        assert_eq!(rows.next().await.unwrap().unwrap_err().message(), "gone");
        assert!(rows.next().await.is_none());
    }
}
