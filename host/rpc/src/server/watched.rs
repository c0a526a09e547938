//! A connection that is cut when its client stops taking what it asked for.

use crate::limits::WRITE_STALL;
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose writes fail once none of them got on for [`WRITE_STALL`].
pub(crate) struct Watched<S> {
    inner: S,
    stall: Pin<Box<Sleep>>,
    is_stalled: bool,
}

impl<S> Watched<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, stall: Box::pin(sleep(WRITE_STALL)), is_stalled: false }
    }

    /// Lets a ready result through; an unready one only for so long.
    fn watch<T>(&mut self, context: &mut Context<'_>, result: Poll<Result<T>>) -> Poll<Result<T>> {
        if result.is_ready() {
            self.is_stalled = false;
            return result;
        }
        if !self.is_stalled {
            self.is_stalled = true;
            self.stall.as_mut().reset(Instant::now() + WRITE_STALL);
        }
        match self.stall.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client takes nothing"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        self.watch(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let result = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut() {
        let (ours, theirs) = tokio::io::duplex(16);
        let mut watched = Watched::new(ours);
        let start = Instant::now();
        let error = watched.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), WRITE_STALL);
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_served() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut watched = Watched::new(ours);
        let reader = tokio::spawn(async move {
            let mut taken = 0;
            let mut part = [0; 4];
            while taken < 64 {
                sleep(WRITE_STALL / 3).await;
                taken += tokio::io::AsyncReadExt::read(&mut theirs, &mut part).await.unwrap();
            }
            theirs
        });
        watched.write_all(&[0; 64]).await.unwrap();
        reader.await.unwrap();
    }
}
