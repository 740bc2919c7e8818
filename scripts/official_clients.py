"""The official client libraries of OpenAI and Anthropic against the simulated provider.

What they accept is what their makers' servers send: so the simulator's shapes, and with them the shapes that Seatrial's
own tests are run against, are checked by programs that know nothing of Seatrial. Run by official_clients.sh.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import anthropic
import openai

ANSWER = "left, then right"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def ask(text="Which way?"):
    return [{"role": "user", "content": text}]


@check
def chat_whole(oai, _):
    answer = oai.chat.completions.create(model="m", messages=ask())
    assert answer.choices[0].message.content == ANSWER, answer
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@check
def chat_streamed(oai, _):
    with oai.chat.completions.stream(model="m", messages=ask(), stream_options={"include_usage": True}) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(deltas) == ANSWER == final.choices[0].message.content
    assert final.usage.completion_tokens == len(deltas)


@check
def completions(oai, _):
    answer = oai.completions.create(model="m", prompt="Which way?")
    assert answer.choices[0].text == ANSWER
    chunks = list(oai.completions.create(model="m", prompt="Which way?", stream=True,
                                         stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == ANSWER
    assert chunks[-1].usage.completion_tokens > 0


@check
def responses_whole(oai, _):
    answer = oai.responses.create(model="m", input="Which way?", instructions="Be brief.")
    assert answer.output_text == ANSWER and answer.status == "completed", answer
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    cut = oai.responses.create(model="m", input=ask(), max_output_tokens=1)
    assert cut.status == "incomplete" and cut.incomplete_details.reason == "max_output_tokens"


@check
def responses_streamed(oai, _):
    with oai.responses.stream(model="thinker", input="Which way?") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == ANSWER == final.output_text
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert final.usage.output_tokens_details.reasoning_tokens == 3


@check
def embeddings(oai, _):
    answer = oai.embeddings.create(model="m", input=["left right", "right left", "up"])
    one, other, third = (item.embedding for item in answer.data)
    assert one == other != third and abs(sum(x * x for x in one) - 1) < 1e-9


@check
def models(oai, _):
    assert {model.id for model in oai.models.list()} == {"m", "thinker", "busy", "broken"}


@check
def openai_errors(oai, _):
    for call, expected in [
        (lambda: oai.chat.completions.create(model="none", messages=ask()), openai.NotFoundError),
        (lambda: oai.responses.create(model="busy", input="x"), openai.RateLimitError),
        (lambda: oai.with_options(api_key="wrong").responses.create(model="m", input="x"), openai.AuthenticationError),
    ]:
        try:
            call()
        except expected as error:
            assert error.body["message"], error.body
        else:
            raise AssertionError(f"no {expected.__name__}")
    # The library hands an `error` event of responses on as it is, and raises those of chat.
    last = list(oai.responses.create(model="broken", input="x", stream=True))[-1]
    assert (last.type, last.code) == ("error", "server_error") and "simulated failure" in last.message
    try:
        list(oai.chat.completions.create(model="broken", messages=ask(), stream=True))
    except openai.APIError as error:
        assert "simulated failure" in str(error)
    else:
        raise AssertionError("an error inside of a stream went unnoticed")


@check
def messages_whole(_, ant):
    answer = ant.messages.create(model="m", max_tokens=50, system="Be brief.", messages=ask())
    assert answer.content[0].text == ANSWER and answer.stop_reason == "end_turn", answer
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    cut = ant.messages.create(model="m", max_tokens=1, messages=ask())
    assert cut.stop_reason == "max_tokens" and cut.usage.output_tokens == 1


@check
def messages_streamed(_, ant):
    with ant.messages.stream(model="thinker", max_tokens=50, messages=ask()) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == ANSWER and [block.type for block in final.content] == ["thinking", "text"]
    assert final.stop_reason == "end_turn" and final.usage.output_tokens > 3


@check
def anthropic_errors(_, ant):
    for call, expected in [
        (lambda: ant.messages.create(model="none", max_tokens=5, messages=ask()), anthropic.NotFoundError),
        (lambda: ant.messages.create(model="busy", max_tokens=5, messages=ask()), anthropic.RateLimitError),
        (lambda: ant.with_options(api_key="wrong").messages.create(model="m", max_tokens=5, messages=ask()),
         anthropic.AuthenticationError),
    ]:
        try:
            call()
        except expected as error:
            assert error.body["error"]["message"], error.body
        else:
            raise AssertionError(f"no {expected.__name__}")
    try:
        with ant.messages.stream(model="broken", max_tokens=5, messages=ask()) as stream:
            stream.until_done()
    except anthropic.APIStatusError as error:
        assert error.body["error"]["type"] == "overloaded_error", error.body
    else:
        raise AssertionError("an error inside of a stream went unnoticed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seatrial", required=True)
    binary = os.path.abspath(parser.parse_args().seatrial)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "answers.jsonl"), "w") as file:
            file.write(json.dumps({"prompt": "Which way?", "answer": ANSWER}) + "\n")
        config = {"answers": "answers.jsonl", "api_key": "sim-key", "personas": [
            {"model": "m", "usage": "last_event_empty_choices"},
            {"model": "thinker", "shape": {"reasoning_tokens": 3}},
            {"model": "busy", "faults": {"rate_limited": 1.0}},
            {"model": "broken", "faults": {"error_event": 1.0}},
        ]}
        with open(os.path.join(folder, "sim.json"), "w") as file:
            json.dump(config, file)
        sim = subprocess.Popen([binary, "sim", "--listen", "127.0.0.1:0", "--config", "sim.json"], cwd=folder,
                               stdout=subprocess.PIPE, text=True)
        try:
            root = json.loads(sim.stdout.readline())["listening"]
            base = root if root.endswith("/v1") else root + "/v1"
            oai = openai.OpenAI(base_url=base, api_key="sim-key", max_retries=0)
            ant = anthropic.Anthropic(base_url=base.removesuffix("/v1"), api_key="sim-key", max_retries=0)
            failed = 0
            for function in CHECKS:
                try:
                    function(oai, ant)
                    print(f"ok    {function.__name__}")
                except Exception as error:  # every check is shown, whatever the others did
                    failed += 1
                    print(f"FAIL  {function.__name__}: {type(error).__name__}: {error}")
        finally:
            sim.terminate()
            sim.wait()
    print(f"openai {openai.__version__}, anthropic {anthropic.__version__}: "
          f"{len(CHECKS) - failed} of {len(CHECKS)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
