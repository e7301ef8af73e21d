"""Tests of ``voice_backend.counters``."""

from prometheus_client.parser import text_string_to_metric_families

from voice_backend.counters import Counters, Gauges, PrometheusText


def test_the_text_holds_every_figure_of_the_contract() -> None:
    """Process memory, dialogues, buffers, queries, duplicates, speech calls, bytes and collections."""
    counters = Counters(queries=3, duplicates_rejected=1, tts_calls=12, bytes_in=99, bytes_out=1_000)
    text = PrometheusText(counters, lambda: Gauges(2, 7, 270_000)).render().decode()

    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }

    expected = {
        "voice_backend_queries_total": 3,
        "voice_backend_duplicates_rejected_total": 1,
        "voice_backend_tts_calls_total": 12,
        "voice_backend_bytes_in_total": 99,
        "voice_backend_bytes_out_total": 1_000,
        "voice_backend_active_dialogues": 2,
        "voice_backend_buffered_messages": 7,
        "voice_backend_buffered_bytes": 270_000,
    }
    assert {name: found[name] for name in expected} == expected
    assert "process_resident_memory_bytes" in text
    assert "python_gc_collections_total" in text
