"""The engines that come with selfchal: ``local``, this process or several of this machine, and
``ray``, the nodes of a cluster."""
