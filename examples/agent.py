"""A support agent in LangGraph: it looks an order up, reads the terms, and answers. Each step is a call of a model.

    python examples/agent.py

Nothing in here says where traces go: the environment does (README.md). `feature` says whose money is spent.
"""

from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from whyspend import feature

TERMS = "An order can be returned within 30 days, unopened, with the receipt. " * 60


@tool
def find_order(question: str) -> str:
    """Find the order that a question is about."""
    return "Order 4711, sent on Monday, one kettle, paid."


@tool
def read_terms(question: str) -> str:
    """Find what the terms say about a question."""
    with feature("rag-search"):  # the calls in here are another feature's, also within the agent's
        found = ChatOpenAI(model="gpt-4o-mini").invoke([SystemMessage(TERMS), HumanMessage(question)])
    return str(found.content)


def support_agent() -> Any:
    """Make the graph: think, act, think, act, until there is nothing to do but answer."""
    tools = [find_order, read_terms]
    model = ChatOpenAI(model="gpt-4o").bind_tools(tools)

    def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke([SystemMessage("You are a friendly clerk."), *state["messages"]])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("act", ToolNode(tools))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition, {"tools": "act", END: END})
    graph.add_edge("act", "think")
    return graph.compile()


QUESTIONS = [
    ("acme", "pro", "Where is my order?"),
    ("acme", "pro", "The kettle leaks. Can I send it back, and who pays for that?"),
    ("globex", "free", "Can I have the kettle in blue instead?"),
]


def main() -> None:
    """Answer three questions of two customers."""
    agent = support_agent()
    for customer, tier, question in QUESTIONS:
        with feature("support-bot", env="production", user_tier=tier, customer_id=customer):
            answered = agent.invoke({"messages": [HumanMessage(question)]})
        print(f"{customer}: {answered['messages'][-1].content}")


if __name__ == "__main__":
    main()
