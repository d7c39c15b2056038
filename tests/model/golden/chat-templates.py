"""Renders chat templates with transformers' apply_chat_template: python chat-templates.py > chat-templates.json

The templates are written for this test in the style of three families; the first is SmolLM2's own.
Made with transformers 5.0.0.
"""

import json

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{#- System message, with dates. #}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if message.role not in ['user', 'assistant'] %}
        {{- raise_exception('Only user and assistant roles are supported, found ' + message.role) }}
    {%- endif %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are Qwen, a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

# Blocks on lines of their own: jinja's trim_blocks and lstrip_blocks decide what is left of them.
INST = """{{ bos_token }}
{% for message in messages %}
  {% if message['role'] == 'user' %}
[INST] {{ message['content'] }} [/INST]
  {% else %}
{{ message['content'] }}{{ eos_token }}
  {% endif %}
{% endfor %}
"""

CONVERSATIONS = [
    [{"role": "user", "content": "Write a function that adds one."}],
    [
        {"role": "system", "content": "  Answer in code.\n"},
        {"role": "user", "content": "naïve 🙂 {{ braces }} {% raw %}"},
        {"role": "assistant", "content": "const f = (x) => x + 1;\n"},
        {"role": "user", "content": " And two?\n\n"},
    ],
]
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def main():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **SPECIAL)
    cases = []
    for name, template in [("smollm2", SMOLLM2), ("llama3", LLAMA3), ("qwen2.5", QWEN), ("inst", INST)]:
        for messages in CONVERSATIONS:
            for add in [True, False]:
                text = tokenizer.apply_chat_template(
                    messages, chat_template=template, add_generation_prompt=add, tokenize=False
                )
                cases.append({"name": name, "messages": messages, "addGenerationPrompt": add, "text": text})
    templates = {"smollm2": SMOLLM2, "llama3": LLAMA3, "qwen2.5": QWEN, "inst": INST}
    print(json.dumps({"special": SPECIAL, "templates": templates, "cases": cases}, indent=1, ensure_ascii=False))


main()
