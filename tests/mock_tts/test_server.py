"""Real, unmodified clients against the real server: the Python SDK over HTTP, HTTPS and WSS, and a Node client."""

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from elevenlabs.core import ApiError
from elevenlabs.types import VoiceSettings

from mock_tts.errors import UsageError
from mock_tts.server import bind, tls_context
from tests.mock_tts.conftest import VOICE_ID, Mock

TEXT = "The quick brown fox jumps over the lazy dog now."
NODE_FOLDER = Path(__file__).resolve().parents[2] / ".node"


def sdk(mock: Mock, http: httpx.Client) -> ElevenLabs:
    return ElevenLabs(api_key="k", base_url=mock.http_url, httpx_client=http)


def test_sync_sdk(mock: Mock) -> None:
    """convert, stream and both timestamp calls give the same speech."""
    with httpx.Client() as http:
        speech = sdk(mock, http).text_to_speech
        whole = b"".join(speech.convert(VOICE_ID, text=TEXT, voice_settings=VoiceSettings(stability=0.5)))
        stream = b"".join(speech.stream(VOICE_ID, text=TEXT))
        timed = speech.convert_with_timestamps(VOICE_ID, text=TEXT)
        lines = list(speech.stream_with_timestamps(VOICE_ID, text=TEXT))
        with speech.with_raw_response.convert(VOICE_ID, text=TEXT) as raw:
            headers = raw.headers

    assert len(whole) == len(stream) == 50_618
    assert timed.alignment is not None
    assert "".join(timed.alignment.characters) == TEXT
    assert sum(len(line.audio_base_64) for line in lines) > 60_000
    assert headers["character-cost"] == "48"
    assert len(headers["request-id"]) == 20


def test_async_sdk(mock: Mock) -> None:
    """The same over the asynchronous client."""

    async def speak() -> bytes:
        async with httpx.AsyncClient() as http:
            client = AsyncElevenLabs(api_key="k", base_url=mock.http_url, httpx_client=http)
            return b"".join([chunk async for chunk in client.text_to_speech.stream(VOICE_ID, text=TEXT)])

    assert len(asyncio.run(speak())) == 50_618


def test_sdk_reads_errors(mock: Mock) -> None:
    """An unknown format arrives as the SDK's error with status and detail."""
    with httpx.Client() as http, pytest.raises(ApiError) as caught:
        list(sdk(mock, http).text_to_speech.convert(VOICE_ID, text=TEXT, output_format="mp3_1_1"))

    assert caught.value.status_code == 403
    assert caught.value.body["detail"]["status"] == "invalid_output_format"


@pytest.mark.filterwarnings("ignore:ConnectionClosed.code:DeprecationWarning")  # the SDK's own use
def test_realtime_sdk_over_tls(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """``convert_realtime``, unmodified, needs only SSL_CERT_FILE; it ends because the server closes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(mock.ca_path))
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")

    def pieces() -> Iterator[str]:
        yield "The quick brown fox jumps over "
        yield "the lazy dog now."

    with httpx.Client(verify=ssl.create_default_context(cafile=str(mock.ca_path))) as http:
        client = ElevenLabs(api_key="k", base_url=mock.https_url, httpx_client=http)
        audio = b"".join(client.text_to_speech.convert_realtime(VOICE_ID, text=pieces(), output_format="mp3_44100_128"))

    assert audio.startswith(b"ID3")
    assert 50_000 < len(audio) < 52_500


def test_https_serves_the_same_routes(mock: Mock) -> None:
    """The certificate is good for localhost, signed by the printed CA."""
    context = ssl.create_default_context(cafile=str(mock.ca_path))

    assert httpx.get(f"{mock.https_url}/admin/health", verify=context).json()["status"] == "ok"


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The JavaScript SDK and axios in a folder that git ignores, installed once; skips where that cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm on the PATH")
    modules = NODE_FOLDER / "node_modules"
    if not (modules / "@elevenlabs" / "elevenlabs-js").is_dir() or not (modules / "axios").is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(NODE_FOLDER)]
        NODE_FOLDER.mkdir(exist_ok=True)
        try:
            packages = ("@elevenlabs/elevenlabs-js", "axios")
            subprocess.run([*command, *packages], capture_output=True, timeout=50, check=True)
        except subprocess.SubprocessError:
            pytest.skip("npm could not install @elevenlabs/elevenlabs-js and axios (no network?)")
    return modules


_NODE = """
const { ElevenLabsClient } = require("@elevenlabs/elevenlabs-js");
const axios = require("axios");
async function read(stream) { let n = 0; for await (const part of stream) n += part.length; return n; }
async function main(url, voice, text) {
  const client = new ElevenLabsClient({ baseUrl: url, apiKey: "k" });
  const out = {};
  out.convert = await read(await client.textToSpeech.convert(voice, { text }));
  out.stream = await read(await client.textToSpeech.stream(voice, { text }));
  let chars = "";
  for await (const line of await client.textToSpeech.streamWithTimestamps(voice, { text }))
    chars += line.alignment ? line.alignment.characters.join("") : "";
  out.chars = chars;
  out.tier = (await client.user.subscription.get()).tier;
  out.user = (await client.user.get()).userId;
  out.models = (await client.models.list()).length;
  out.voices = (await client.voices.search()).totalCount;
  const reply = await axios.post(`${url}/v1/text-to-speech/${voice}`, { text },
    { responseType: "arraybuffer", headers: { "xi-api-key": "k" } });
  out.axios = reply.data.length;
  out.type = reply.headers["content-type"];
  console.log(JSON.stringify(out));
}
main(...process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.mark.slow
@pytest.mark.timeout(120)  # the first run also installs, which has 50 s of its own
def test_node_clients(mock: Mock, node_modules: Path) -> None:
    """The JavaScript SDK, whose shapes are strict, and axios with an array buffer."""
    script = node_modules.parent / "client.cjs"
    script.write_text(_NODE, encoding="utf-8")
    done = subprocess.run(
        ["node", str(script), mock.http_url, VOICE_ID, TEXT], capture_output=True, text=True, timeout=50, check=False
    )

    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["convert"] == out["stream"] == out["axios"] == 50_618
    assert (out["chars"], out["tier"], out["type"]) == (TEXT, "enterprise", "audio/mpeg")


def test_taken_port_is_a_usage_error() -> None:
    """The message names the flag, the address and what to do."""
    with bind("127.0.0.1", 0, "--port") as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="--port: expected a free local address"):
            bind("127.0.0.1", port, "--port")


def test_one_port_cannot_be_both_listeners() -> None:
    """Refused before anything is announced: an address may be bound twice, but not listened on twice."""
    with bind("127.0.0.1", 0, "--port") as plain:
        port = plain.getsockname()[1]
        with pytest.raises(UsageError, match=f"--tls-port: expected a free local address, found 127.0.0.1:{port}"):
            bind("127.0.0.1", port, "--tls-port")


def test_certificate_covers_a_wildcard_host(tmp_path: Path) -> None:
    """Listening on every address still gives a certificate for this machine's names."""
    _, path = tls_context("0.0.0.0", tmp_path)

    assert path.read_text(encoding="utf-8").startswith("-----BEGIN CERTIFICATE-----")
