"""Routes for LoRA adapters of running models: vLLM's two, and a list."""

from __future__ import annotations

from fastapi.responses import PlainTextResponse

from modelyard.protocol.adapters import AdapterList, LoadAdapterRequest, UnloadAdapterRequest
from modelyard.web.deps import TheAdapters, TheGrant
from modelyard.web.router import Router
from modelyard.web.views import adapter_info

router = Router("/v1", tags=["adapters"])


@router.post("/load_lora_adapter", scope="models:write", waits=True, response_class=PlainTextResponse)
async def load(body: LoadAdapterRequest, adapters: TheAdapters) -> str:
    """Load an adapter on every replica of a running model; it is loaded again when the server restarts."""
    uid = await adapters.load(
        body.lora_name, body.lora_path, model=body.model, scale=body.lora_scale, replace_it=body.load_inplace
    )
    return f"Success: LoRA adapter '{body.lora_name}' added successfully to '{uid}'."


@router.post("/unload_lora_adapter", scope="models:write", response_class=PlainTextResponse)
async def unload(body: UnloadAdapterRequest, adapters: TheAdapters) -> str:
    """Unload an adapter from every replica; it is not loaded again."""
    await adapters.unload(body.lora_name)
    return f"Success: LoRA adapter '{body.lora_name}' removed successfully."


@router.get("/adapters", scope="models:list")
async def list_adapters(adapters: TheAdapters, grant: TheGrant) -> AdapterList:
    """Every adapter that the key may use."""
    found = [adapter_info(view, each) for view, each in adapters.all()]
    return AdapterList(data=[info for info in found if grant is None or grant.sees(info.id)])
