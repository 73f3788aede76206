"""Words that say nothing by themselves; those that turn a meaning round (not, never, 不, 没) are kept as words."""

ENGLISH = """
a about above across after again against all almost along already also although always am among an and another any
anything are around as at away back be became because become been before behind being below between both but by came
can come could did do does doing done down during each either else enough even ever every everything few for from
further get gets getting give given go goes going gone got had has have having he her here hers herself him himself
his how however i if in instead into is it its itself just keep let made make makes making many may me might mine more
most much must my myself near now of off often on once one only onto or other others ought our ours ourselves out over
own per perhaps put quite rather same say says see seem seems several shall she should since so some something soon
still such take than that the their theirs them themselves then there therefore these they thing things this those
though through thus till to together too toward under until up upon us use used uses using very via was way we went
were what whatever when whenever where whether which while who whom whose why will with within without would yet you
your yours yourself yourselves i'm i've i'd i'll it's it'll you're you've you'll you'd he's she's we're we've we'd
we'll they're they've they'd they'll that's there's here's what's who's let's 's
"""
CHINESE = """
关于 一些 一会 一会儿 一切 一方面 一旦 一样 一直 一种 一起 一边 一点 一点儿 一下 一个 万一 上个 上个月 上面 下面 不仅
不但 不光 不过 与其 个人 为了 为什么 为何 之一 之前 之后 之间 也许 于是 什么 什么样 今天 今年 仍然 从而 他们
他的 以上 以下 以及 以后 以前 以来 任何 似乎 但是 何况 你们 你的 依照 便是 俺们 倘若 偶尔 其中 其他 其它 其实
其次 再者 再说 几乎 几个 出来 别人 别的 刚才 刚刚 到底 前面 另外 只是 只有 只要 可以 可是 可能 各个 各位 各种
同时 后来 向着 否则 呵呵 哈哈 哪个 哪些 哪儿 哪里 哪怕 因为 因此 因而 固然 在于 多少 大家 大概 她们 她的 如何
如其 如果 如此 如同 它们 它的 对于 对方 将要 尔后 就是 就算 尽管 岂但 左右 已经 并且 并非 应当 应该 开始 当时
当然 得到 怎么 怎么样 怎样 总之 总是 总的来说 总的 来说 或是 或者 所以 所有 所谓 才能 打算 抑或 拿到 按照
换句话说 接着 收到 整个 昨天 是的 是否 时候 曾经 最后 最近 有些 有人 有关 有时 有时候 有的 本人 本身 本来 来着
极其 某个 某些 根据 正在 正如 此外 此时 每个 每次 每当 比如 比方 没什么 然后 然而 照着 现在 甚至 由于 由此 的话
目前 直到 相对 看看 看到 真的 真是 眼看 着呢 而且 而是 自从 自己 至于 若是 虽然 虽说 觉得 让人 认为 许多 该当
说来 起来 趁着 还是 还有 还要 这个 这么 这些 这儿 这会儿 这样 这种 这边 这里 进行 连同 送人 通过 遵照 那个 那么
那些 那会儿 那儿 那时 那样 那种 那边 那里 部分 都是 里面 除了 除此之外 随着 非常 首先
"""
STOP_WORDS = frozenset((ENGLISH + CHINESE).split())
