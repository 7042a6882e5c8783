"""Reads OpenMetrics text from stdin with Prometheus' own parser and prints `name node role value` of each sample.

The parser takes two adjacent lines of one series for one; Prometheus refuses them, and so does this.
"""
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

text = sys.stdin.read()
samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
lines = [line for line in text.splitlines() if not line.startswith("#")]
if len(samples) != len(lines):
    sys.exit(f"{len(lines)} lines are {len(samples)} series")
for sample in samples:
    print(sample.name, sample.labels.get("node", "-"), sample.labels.get("role", "-"), sample.value)
