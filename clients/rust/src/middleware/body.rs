//! The body of a response, which says when it has ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use prost::bytes::Buf;

use super::report::{Protocol, Report};
use super::service::grpc_status;

pin_project! {
    /// A body as it was given, whose end is reported.
    #[derive(Debug)]
    pub struct ReportedBody<B> {
        #[pin]
        inner: B,
        report: Option<Report>,
        // What the head said, or what the body itself knows: servers do not ask for the end of one that is complete.
        length: Option<u64>,
        sent: u64,
    }
}

impl<B: Body> ReportedBody<B> {
    pub(super) fn new(inner: B, report: Option<Report>, length: Option<u64>) -> Self {
        let length = length.or(inner.size_hint().exact());
        let mut made = Self {
            inner,
            report,
            length,
            sent: 0,
        };
        // Whoever has nothing to send may never be asked.
        if made.inner.is_end_stream() || (made.length == Some(0)) {
            end(&mut made.report, 0);
        }
        made
    }
}

/// Reports that the body has ended well.
fn end(report: &mut Option<Report>, sent: u64) {
    if let Some(mut report) = report.take() {
        report.response_bytes = Some(sent);
        report.end();
    }
}

impl<B: Body> Body for ReportedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                *this.sent += frame.data_ref().map_or(0, |data| data.remaining() as u64);
                if let (Some(report), Some(trailers)) = (this.report.as_mut(), frame.trailers_ref())
                    && report.protocol() == Protocol::Grpc
                {
                    report.status = grpc_status(trailers).or(report.status);
                }
                if frame.is_trailers() || *this.length == Some(*this.sent) || this.inner.is_end_stream() {
                    end(this.report, *this.sent);
                }
            }
            Some(Err(_)) => {
                if let Some(mut report) = this.report.take() {
                    report.response_bytes = Some(*this.sent);
                    report.fail();
                }
            }
            None => end(this.report, *this.sent),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
