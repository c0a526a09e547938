//! `torrent-why` and `torrent-doctor`: what stands in a torrent's way, and what is wrong with its files.

use crate::args::Args;
use crate::calls::{Calls, Outcome};
use crate::json::Json;
use daemon::{Finding, Number, Problem};

impl Calls {
    /// For each torrent the reasons why it is not faster, the weightiest first.
    pub(super) async fn torrent_why(&self, args: &Args, out: &mut Json) -> Outcome {
        let mut told = Vec::new();
        for number in self.selected(args) {
            told.extend(self.daemon.why(number).await.map(|why| (number, why)));
        }
        out.key("torrents").list(told, |out, (number, why)| {
            out.object(|out| {
                self.name(number, out);
                out.key("summary").string(&why.summary);
                out.key("reasons").list(&why.obstacles, |out, obstacle| {
                    out.object(|out| {
                        out.key("code").string(obstacle.code);
                        out.key("text").string(&obstacle.text);
                    });
                });
            });
        });
        Ok(())
    }

    /// For each torrent what is wrong with its files; a list of nothing where all is well.
    pub(super) async fn torrent_doctor(&self, args: &Args, out: &mut Json) -> Outcome {
        let numbers = self.selected(args);
        let findings = self.daemon.doctor(numbers.clone()).await;
        out.key("torrents").list(numbers, |out, number| {
            out.object(|out| {
                self.name(number, out);
                let own = findings.iter().filter(|finding| finding.number == number);
                out.key("findings").list(own, finding);
            });
        });
        Ok(())
    }

    /// Which torrent is spoken of.
    pub(super) fn name(&self, number: Number, out: &mut Json) {
        out.key("id").unsigned(number.0.into());
        self.daemon.view(|catalogue| {
            if let Some(entry) = catalogue.get(number) {
                out.key("hash_string").string(entry.hash_hex());
                out.key("name").string(entry.name());
            }
        });
    }
}

fn finding(out: &mut Json, finding: &Finding) {
    out.object(|out| {
        out.key("path").string(&finding.path.to_string_lossy());
        out.key("problem").string(match finding.problem {
            Problem::Missing => "missing",
            Problem::WrongLength => "wrong-length",
            Problem::Permission => "permission",
            Problem::InTheWay => "in-the-way",
        });
        out.key("text").string(&finding.text);
    });
}
