//! Writes metrics one after the other: a heading, then a sample for each set of labels.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeMetric, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::HistogramStatus;

pub(super) type Labels = Vec<(&'static str, String)>;

/// Name, help and value of a metric with one sample for each row.
pub(super) type Column<Row, N> = (&'static str, &'static str, fn(&Row) -> N);

/// The labels with one label more.
pub(super) fn with(mut labels: Labels, name: &'static str, value: impl fmt::Display) -> Labels {
    labels.push((name, value.to_string()));
    labels
}

pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A gauge without labels.
    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value).encode(metric)
    }

    pub(super) fn gauges<N: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, N)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// The encoder adds `_total` to the name of each sample.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(metric)
    }

    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// A histogram without labels.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        help: &str,
        sample: &HistogramStatus,
    ) -> fmt::Result {
        let metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        encode_histogram(metric, sample)
    }

    pub(super) fn histograms<'s>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, &'s HistogramStatus)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, sample) in samples {
            encode_histogram(metric.encode_family(&labels)?, sample)?;
        }
        Ok(())
    }

    pub(super) fn gauge_columns<Row, N: EncodeGaugeValue>(
        &mut self,
        columns: &[Column<Row, N>],
        rows: &[(Labels, &Row)],
    ) -> fmt::Result {
        columns.iter().try_for_each(|(name, help, value)| {
            self.gauges(name, help, rows.iter().map(|(labels, row)| (labels.clone(), value(row))))
        })
    }

    pub(super) fn counter_columns<Row>(
        &mut self,
        columns: &[Column<Row, u64>],
        rows: &[(Labels, &Row)],
    ) -> fmt::Result {
        columns.iter().try_for_each(|(name, help, value)| {
            self.counters(name, help, rows.iter().map(|(labels, row)| (labels.clone(), value(row))))
        })
    }

    /// The encoder adds `_info` to the name of each sample.
    pub(super) fn infos(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Labels>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Info)?;
        for labels in samples {
            metric.encode_info(&labels)?;
        }
        Ok(())
    }
}

/// The encoder adds up the counts, as the format requires.
fn encode_histogram(mut metric: MetricEncoder, sample: &HistogramStatus) -> fmt::Result {
    let buckets: Vec<(f64, u64)> = sample
        .buckets
        .iter()
        .map(|bucket| (bucket.up_to_seconds.unwrap_or(f64::INFINITY), bucket.count))
        .collect();
    let count = buckets.iter().map(|(_, count)| count).sum();
    metric.encode_histogram::<NoLabelSet>(sample.sum_seconds, count, &buckets, None)
}
