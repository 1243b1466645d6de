//! The metrics of several services as one text, in which each family of metrics stands once.

use std::collections::BTreeMap;

use super::Metrics;

/// All metrics of these services.
pub async fn merged(all: &[Metrics]) -> String {
    let mut texts = Vec::with_capacity(all.len());
    for metrics in all {
        texts.push(metrics.text().await);
    }
    merge(&texts)
}

/// What stands of a family: what it is, and its lines.
#[derive(Default)]
struct Family<'a> {
    about: Vec<&'a str>,
    samples: Vec<&'a str>,
}

fn merge(texts: &[String]) -> String {
    let mut families: BTreeMap<&str, Family<'_>> = BTreeMap::new();
    for text in texts {
        let mut family: &mut Family<'_> = &mut Family::default();
        for line in text.lines().filter(|line| *line != "# EOF") {
            match line.strip_prefix("# ").and_then(|about| about.split(' ').nth(1)) {
                None => family.samples.push(line),
                Some(name) => {
                    family = families.entry(name).or_default();
                    if !family.about.contains(&line) {
                        family.about.push(line);
                    }
                }
            }
        }
    }
    let lines = families.into_values().flat_map(|family| family.about.into_iter().chain(family.samples));
    lines.chain(["# EOF"]).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_family_stands_once() {
        let (one, two) = (Metrics::new("one"), Metrics::new("two"));
        for (metrics, value) in [(&one, 1.0), (&two, f64::NAN)] {
            metrics.measure("crm_size", "A size").set(value);
        }
        one.counts("crm_steps", "Steps", "kind", &["left"]).count("left");
        let expected = "\
# HELP crm_size A size.
# TYPE crm_size gauge
crm_size{service=\"one\"} 1.0
crm_size{service=\"two\"} NaN
# HELP crm_steps Steps.
# TYPE crm_steps counter
crm_steps_total{service=\"one\",kind=\"left\"} 1
# EOF
";
        assert_eq!(merged(&[one, two]).await, expected);
    }
}
